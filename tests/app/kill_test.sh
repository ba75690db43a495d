#!/bin/sh
# A run killed at 20 random moments and resumed ends in the same bits as one left alone; an interrupt
# saves, exits 130, and the run goes on from there. Usage: kill_test.sh PROGRAM
set -u
gradus=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
train="$gradus train digits --examples 3000 --epochs 40 --checkpoint-every 40 --seed 5 --quiet --progress none"
fail() {
  echo "kill_test: $1" >&2
  exit 1
}

$train --out "$folder/whole" >/dev/null || fail "the uninterrupted run failed"
whole=$(sha256sum <"$folder/whole/model.safetensors")

kills=0
moment=1
while [ $kills -lt 20 ]; do
  $train --out "$folder/killed" --resume >/dev/null 2>"$folder/notes" &
  run=$!
  # 3 to 60 hundredths of a second: a run takes about that long.
  moment=$(((moment * 7919 + 12347) % 58))
  sleep "0.$(printf %02d $((moment + 3)))"
  if kill -KILL $run 2>/dev/null; then
    wait $run 2>/dev/null
    kills=$((kills + 1))
  else
    wait $run || fail "a resumed run failed: $(cat "$folder/notes")"
    [ "$(sha256sum <"$folder/killed/model.safetensors")" = "$whole" ] || fail "other bits after $kills kills"
    rm -rf "$folder/killed"
  fi
done
$train --out "$folder/killed" --resume >/dev/null || fail "the last resume failed"
[ "$(sha256sum <"$folder/killed/model.safetensors")" = "$whole" ] || fail "other bits after $kills kills"

$gradus train digits --examples 3000 --epochs 100000 --quiet --progress none --out "$folder/asked" >/dev/null 2>&1 &
run=$!
sleep 0.4
kill -INT $run
wait $run
status=$?
[ $status = 130 ] || fail "an interrupted run exited $status, not 130"
ls "$folder"/asked/checkpoints/step-*.safetensors >/dev/null || fail "an interrupted run left no checkpoint"

for threads in 1 2; do
  $train --threads $threads --out "$folder/threads$threads" >/dev/null || fail "the run with $threads threads failed"
  [ "$(sha256sum <"$folder/threads$threads/model.safetensors")" = "$whole" ] || fail "other bits with $threads threads"
done

# Recipes: convolutions, running statistics, augmentation, mixup, averages, early stopping, a loss
# scale. Killed three times each, the last part with another number of threads.
recipe() {
  name=$1
  shift
  run="$gradus train $name --seed 3 --quiet --progress none $*"
  $run --out "$folder/$name" --threads 1 >/dev/null || fail "$name failed"
  for pause in 1 2 3; do
    $run --out "$folder/$name-killed" --resume >/dev/null 2>&1 &
    pid=$!
    sleep "0.$((pause * pause))"
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
  done
  $run --out "$folder/$name-killed" --resume --threads 2 >/dev/null || fail "$name did not go on"
  cmp -s "$folder/$name/model.safetensors" "$folder/$name-killed/model.safetensors" ||
    fail "$name has other bits after kills"
}
recipe lenet5 --examples 600 --epochs 4 --checkpoint-every 3 --mixup 0.2 --augment "shift(2)+rotate(10)+elastic(1)"
recipe resnet20 --examples 60 --epochs 2 --batch 16 --checkpoint-every 1 --average ema --patience 5
recipe mlp-digits --examples 2000 --epochs 12 --checkpoint-every 7 --precision fp16 --dropout 0.2
recipe skipgram --epochs 2 --checkpoint-every 50
cat "$0" "$0" "$0" >"$folder/text"
recipe char-lstm "$folder/text" --epochs 2 --model lstm:1-16-32 --checkpoint-every 3
recipe gpt "$folder/text" --epochs 2 --model gpt:1-2-8-32 --checkpoint-every 3
recipe seq2seq-reverse --examples 300 --epochs 2 --checkpoint-every 2

# A full disk: a file may grow to 16 kB only, as if no more were free.
full="$gradus train digits --examples 2000 --epochs 40 --seed 3 --quiet --progress none --checkpoint-every 30"
$full --out "$folder/full" >/dev/null 2>&1 &
pid=$!
while ! ls "$folder"/full/checkpoints/step-*.safetensors >/dev/null 2>&1; do sleep 0.02; done
kill -KILL $pid 2>/dev/null
wait $pid 2>/dev/null
rm -f "$folder"/full/checkpoints/*.part-*
before=$(cd "$folder/full/checkpoints" && sha256sum step-*)
said=$(trap '' XFSZ; ulimit -f 32; $full --out "$folder/full" --resume 2>&1 >/dev/null)
status=$?
[ $status = 2 ] || fail "a full disk exited $status: $said"
case $said in *"cannot be written"*"the checkpoint before it is whole"*) ;; *) fail "a full disk said: $said" ;; esac
[ "$(cd "$folder/full/checkpoints" && sha256sum step-*)" = "$before" ] || fail "a full disk changed the checkpoints"
ls "$folder"/full/checkpoints/*.part-* >/dev/null 2>&1 && fail "a full disk left a part of a file"
$full --out "$folder/full" --resume >/dev/null || fail "the run did not go on after the disk was full"
$full --out "$folder/roomy" >/dev/null || fail "the run beside it failed"
cmp -s "$folder/full/model.safetensors" "$folder/roomy/model.safetensors" || fail "other bits after a full disk"
echo "20 kills, 1 interrupt, 1 and 2 threads, 7 recipes, 1 full disk: the same bits"

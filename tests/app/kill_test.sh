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
echo "20 kills, 1 interrupt, 1 and 2 threads: the same bits"

#!/bin/sh
# Whatever is wrong with the input: status 2 or 3 and one line that says so, never a signal; and what
# goes to which stream. Usage: bad_input_test.sh PROGRAM
set -u
gradus=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
unset NO_COLOR CLICOLOR_FORCE FORCE_COLOR GRADUS_SIMD
failures=0
fail() {
  echo "bad_input_test: $1" >&2
  failures=$((failures + 1))
}

# bad STATUS WORDS ARGUMENTS...: that status, nothing on stdout, one line on stderr with WORDS in it.
bad() {
  wanted=$1 words=$2
  shift 2
  timeout 10 "$gradus" "$@" >out 2>err </dev/null
  status=$?
  [ $status = "$wanted" ] || fail "$*: status $status, not $wanted: $(head -c 300 err)"
  [ -s out ] && fail "$*: stdout holds $(head -c 300 out)"
  [ "$(wc -l <err)" = 1 ] || fail "$*: not one line on stderr: $(head -c 300 err)"
  grep -qF -e "$words" err || fail "$*: '$words' is not in: $(head -c 300 err)"
}

# json ARGUMENTS...: status 0 and one line of JSON on stdout.
json() {
  timeout 20 "$gradus" "$@" --json >out 2>err </dev/null || fail "$* --json: status $?"
  [ "$(wc -l <out)" = 1 ] || fail "$* --json: not one line: $(head -c 300 out)"
  cp out out.json
  "$gradus" inspect --as json out.json >/dev/null 2>&1 || fail "$* --json: no JSON: $(head -c 300 out)"
}

# Files that are broken, each in its own way.
printf 'a,b,y\n1,2,0\n3\n' >ragged.csv
printf 'a,y\n1,0\n"2,1\n' >quote.csv
printf 'a,y\n1,0\nx,1\n' >text.csv
printf 'a,y\n,0\n2,1\n' >missing.csv
printf 'a,y\n' >header.csv
: >empty.csv
printf '\000\000\010\001\000\000\000\377abc' >short.idx
printf '\000\000\010\003\177\377\377\377\177\377\377\377\177\377\377\377' >huge.idx
printf '\000\000\007\001\000\000\000\001a' >type.idx
printf '\223NUMPY\001\000\377\377{' >short.npy
printf '\223NUMPY\001\000\010\000nonsense' >nonsense.npy
printf "\\223NUMPY\\001\\000\\104\\000{'descr': '|O', 'fortran_order': False, 'shape': (1,), }         \\nx" >pickle.npy
printf 'PK\003\004garbage' >broken.npz
printf '\377\377\377\377\377\377\377\177{' >huge.safetensors
printf '\100\000\000\000\000\000\000\000{"a":{"dtype":"F32"' >short.safetensors
printf '\002\000\000\000\000\000\000\000{]' >json.safetensors
printf 'a = [1,\n' >broken.toml
printf '[training]\nepoch = 3\n' >setting.toml
printf '[training]\nepochs = "many"\n' >kind.toml
printf '{"a":}' >broken.json
head -c 300 /dev/zero | tr '\000' '[' >deep.json
printf '\037\213\010\000garbage' >broken.gz
mkdir dir

for file in short.idx huge.idx short.npy nonsense.npy broken.npz huge.safetensors \
  short.safetensors json.safetensors broken.toml broken.json deep.json ragged.csv quote.csv; do
  bad 2 $file inspect $file --as "${file##*.}"
done
bad 2 'ragged.csv:3:' train ragged.csv
bad 2 'quote.csv:3:' train quote.csv
bad 2 'line 3' train text.csv --label y
bad 2 '--missing drop' train missing.csv
for file in header.csv empty.csv short.idx huge.idx nonsense.npy broken.npz broken.gz; do
  bad 2 $file train $file --labels $file
done
for file in type.idx pickle.npy; do
  timeout 10 "$gradus" inspect $file >out 2>err
  status=$?
  { [ $status = 2 ] || [ $status = 3 ]; } && [ "$(wc -l <err)" = 1 ] && grep -qF $file err ||
    fail "inspect $file: status $status: $(head -c 300 err)"
done
bad 2 'broken.toml:' train --config broken.toml
bad 2 "setting.toml:2:9: 'training.epoch' is no setting. Did you mean 'training.epochs'?" \
  train moons --config setting.toml
bad 2 'kind.toml:2:' train moons --config kind.toml
for place in dir /dev/zero nosuch.csv; do
  bad 2 $place inspect $place
  bad 2 $place train $place
  bad 2 $place eval $place moons
done
bad 2 'dir' train --config dir
bad 2 'ragged.csv' train moons --out ragged.csv

# Expressions, verbs and flags; the nearest match is offered.
bad 2 'column 3' calc '1+'
bad 2 'did you mean train?' trian digits
bad 2 'did you mean --epochs?' train moons --epoch 3
bad 2 'did you mean --json?' calc 1 --jsn
bad 2 "there is no verb 'trian'; did you mean train?" help trian
bad 2 'moons' train monns
bad 2 "Did you mean 'adam'?" train moons --optimiser adm
bad 2 "Did you mean 'relu'?" train moons --activation rel
bad 2 "Did you mean 'he'?" train moons --init hee
bad 2 '--lr' train moons --lr abc
bad 2 '--epochs' train --epochs
bad 2 'one word too many' calc 1 2
bad 2 'The batch is at least 1' train moons --batch 0
for val in 1 2 -1 nan; do bad 2 'It is the share held out, in [0, 1)' train moons --val $val; done
bad 2 '10^9' train moons --epochs 9223372036854775807
bad 2 'Ask for' train moons --examples 1000000000000000000
bad 2 'mlp:2-...-2' train moons --model mlp:3-2
bad 3 'fourier' calc 'fourier(1)'

# Checking: expressions, points, networks that are none.
for verb in gradcheck differences why-zero critical; do
  bad 2 'column 3' $verb '1+' --at x=1
  bad 2 'as in --' $verb 'x^2'
done
bad 2 'nothing to differentiate by' gradcheck '1 + 1'
bad 2 'differentiates one number' gradcheck 'x' --at 'x=[1,2]'
bad 2 '--tolerance must be positive' gradcheck 'x' --at x=1 --tolerance -1
bad 2 '--directions lies in' gradcheck 'x' --at x=1 --directions -1
bad 2 'there are several names' gradcheck 'x*y' --at x=1,y=2 --formula 'y'
bad 2 'none of the names' gradcheck 'x' --at x=1 --formula 'z = 1'
bad 2 'has the shape' gradcheck 'sum(x)' --at 'x=[1,2]' --formula '[1,2,3]'
bad 2 'run.toml is missing' gradcheck dir
bad 2 'runs/none: there is no such run' gradcheck runs/none
for file in json.safetensors short.safetensors huge.safetensors nosuch.safetensors; do
  bad 2 $file gradcheck $file
  bad 2 $file why-zero $file
done
bad 2 'of one number' differences 'x*y' --at x=1,y=2
bad 2 'of one number' differences '[x, x]' --at x=1
bad 2 'gradient is of one number' why-zero '[x, x]' --at x=1
bad 2 'no point' critical '1'
bad 2 'there is no start' optimise 'x^2'
bad 2 "Did you mean 'lbfgs'?" optimise 'x^2' --at x=1 --method lbfg
bad 2 'NAME=NUMBER' optimise 'x^2' --at x=1 --set lr
bad 2 "no hyperparameter 'beta'" optimise 'x^2' --at x=1 --method adam --set beta=1
bad 2 'one number is made small' optimise 'x*[1,2]' --at x=1
bad 2 'not nan' optimise 'x^2' --at x=1 --lr nan
bad 3 'more than the way' optimise 'sum(x^2)' --at 'x=[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51]' --steps 1000000
bad 2 "Did you mean 'cosine'?" train moons --schedule cosin
bad 2 'It is a length' train moons --clip-norm -1
bad 2 'It is a size' train moons --clip-value -1
bad 2 'clipped one way' train moons --clip-value 1 --clip-norm 1
bad 2 'batches from 1' train moons --accumulate 0
bad 2 'It is ema' train moons --average mean
bad 2 'it has no colon' train moons --group bias
bad 2 "no parameter is at '7'" train moons --group '7: frozen'
bad 2 'are no matrix' train moons --group 'bias: method=muon'
bad 2 'at least 8' lr-find moons --steps 3
bad 2 'nothing to train on' lr-find
bad 2 '--box is two numbers' convex 'x^2' --box 1
bad 2 'low end must be below' convex 'x^2' --box 2,1
bad 2 'reads no name' convex '1'
bad 2 '--chords lies in' convex 'x' --chords 0
bad 2 'has no sizes' shapes 'x + 1'
bad 2 'never closed' shapes 'x[3'
bad 2 'at most 8 axes' shapes 'x[1,1,1,1,1,1,1,1,1]'
bad 2 'needs two numbers' grad 'x' --at x=1 --directions
[ -e runs ] && fail 'a refused run left a folder'

# Streams of a run that works.
small='--examples 120 --epochs 2'
"$gradus" train moons $small --out quiet --quiet >out 2>err || fail "train --quiet: status $?"
[ -s err ] && fail "train --quiet talks: $(head -c 300 err)"
[ -s out ] || fail 'train --quiet prints no result'
bad 2 'is not empty' train moons $small --out quiet
json train moons $small --out json
grep -q '"steps":4,' out || fail 'train --json: no steps'
bad 2 'other settings' train --out json --resume --epochs 5
json train --out json --resume
json eval json moons
json predict json moons
json inspect json/model.safetensors
json calc '1 + 1'
json grad 'x^2' --at x=3
json grad 'x^2 + y' --at x=3,y=1 --directions
json gradcheck 'sum(x^2)' --at 'x=[1,2]'
json gradcheck json
json gradcheck json/model.safetensors --activation tanh
json why-zero json
json why-zero 'sum(relu(x))' --at 'x=[-1,-2]'
json differences 'exp(x)' --at x=1
json shapes 'x[3] + y[]'
json critical 'x^2 + y^4' --at x=0,y=0
json convex 'x^2 + y^2'
json optimise 'x^2 + y^2' --at x=3,y=1
json optimise 'x^2' --at x=3 --race
json lr-find moons
bad 2 "no parameter '9.weight'" why-zero json --wrt 9.weight
bad 2 '--examples lies in' gradcheck json --examples 0
bad 2 'go with an expression' gradcheck json --wrt x
cp -r json broken
printf 'x' | dd of=broken/model.safetensors bs=1 seek=9 conv=notrunc 2>/dev/null
bad 2 'broken/model.safetensors' eval broken moons
rm broken/model.safetensors
bad 2 'model.safetensors is missing' eval broken moons

"$gradus" train moons $small --epochs 1 --out last --json >out 2>/dev/null || fail 'a repeated option is refused'
grep -q '"steps":2,' out || fail "of a repeated option the last does not win: $(cat out)"

escape=$(printf '\033')
FORCE_COLOR=1 "$gradus" train moons $small --out forced >out 2>&1
grep -q "$escape" out || fail 'FORCE_COLOR gives no colour'
NO_COLOR=1 FORCE_COLOR=1 "$gradus" train moons $small --out plain >out 2>&1
grep -q "$escape" out && fail 'NO_COLOR is not respected'
"$gradus" train moons $small --out piped >out 2>&1
grep -q "$escape" out && fail 'a pipe gets colour'
grep -q "$(printf '\r')" out && fail 'a pipe gets carriage returns'

for verb in train predict inspect verify quickstart calc trace grad eval float rng ops gradcheck differences why-zero shapes critical convex optimise lr-find; do
  "$gradus" $verb --help >out 2>err || fail "$verb --help: status $?"
  [ -s out ] && [ ! -s err ] || fail "$verb --help: the wrong stream"
done
"$gradus" --help >/dev/null || fail "--help: status $?"

[ $failures = 0 ] && echo 'every refusal was one line, every stream was clean'
exit $((failures > 0))

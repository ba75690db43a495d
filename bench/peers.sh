#!/bin/bash
# Fills FOLDER, which GRADUS_PEERS then names, with one program a peer group: each runs what is
# installed in PEERS (bin/, and sid/, a root to change to: by root) from its SOURCES and prints
# lines as bench/peers.h reads them. Also digits.csv, the digits that scikit-learn learns.
# usage: bench/peers.sh SOURCES PEERS FOLDER
set -euo pipefail
[ $# = 3 ] || { sed -n 's/^# usage: /usage: /p' "$0" >&2; exit 2; }
sources=$(realpath "$1") peers=$(realpath "$2")
mkdir -p "$3"
cd "$3"
root=$peers/sid
cp "$sources"/* "$root/opt/perf/"

# NAME, and its commands on standard input, after `tuned` and `each`.
program() {
  {
    echo '#!/bin/bash'
    printf '. %q\n' "$sources/clean_env.sh"
    printf 'bin=%q root=%q\n' "$peers/bin" "$root"
    cat <<'END'
perf=/opt/perf
tuned() { chroot "$root" bash -c ". $perf/torch_env.sh; $1"; }
plain() { chroot "$root" bash -c ". $perf/clean_env.sh; $1"; }
each() { for t in 1 2; do export OMP_NUM_THREADS=$t OPENBLAS_NUM_THREADS=$t; "$@"; done; }
END
    cat
  } >"$1"
  chmod +x "$1"
}

program train_torch <<'END'
both() {
  tuned "python3 $perf/train_torch.py torch $t eager"
  tuned "timeout 300 python3 $perf/train_torch.py torch $t compile"
}
each both
END
program train_torch_memory <<'END'
both() {
  for model in d e f g; do
    for mode in eager compile; do
      tuned "/usr/bin/time -o /tmp/peak -f %M timeout 200 python3 $perf/train_torch.py torch $t $model $mode" |
        cut -d, -f4 | sed "s/^/memory,torch-$mode,$t,/" | tr '\n' ','
      awk '{ print $1 / 1024 }' "$root/tmp/peak"
    done
  done
}
each both
END
program libtorch_mlp <<'END'
one() { tuned "$perf/bin/libtorch_mlp $t"; }
each one
END
program mlp_eigen <<'END'
one() { "$bin/mlp_eigen" "$t"; }
each one
END
program elementwise_torch <<'END'
both() {
  tuned "timeout 100 python3 $perf/elementwise.py sid $t torch"
  tuned "timeout 150 python3 $perf/elementwise.py sid $t compile"
}
each both
END
program elementwise_numpy <<'END'
tuned "OMP_NUM_THREADS=1 python3 $perf/elementwise.py sid 1 numpy"
END
program elementwise_eigen <<'END'
one() { "$bin/elementwise_eigen" eigen "$t"; }
each one
END
program autodiff_torch <<'END'
one() { tuned "timeout 120 python3 $perf/autodiff_torch.py torch $t"; }
each one
END
program ad_adolc <<'END'
"$bin/ad_adolc"
END
program ad_stan <<'END'
chroot "$root" $perf/bin/ad_stan | grep stan
END
program conv_dnnl <<'END'
one() { plain "$perf/bin/conv_dnnl $t"; }
each one | awk -F, -v OFS=, '
  BEGIN {
    name["lenet c1"] = "LeNet conv1 1-6 5x5 28x28"; name["lenet c2"] = "LeNet conv2 6-16 5x5 14x14"
    name["res 3-16"] = "ResNet 3-16 3x3 32x32"; name["res 16-16"] = "ResNet 16-16 3x3 32x32"
    name["res 16-32/2"] = "ResNet 16-32 3x3/2 32x32"; name["res 32-32"] = "ResNet 32-32 3x3 16x16"
    name["res 64-64"] = "ResNet 64-64 3x3 8x8"
    pass["fwd"] = "forward"; pass["bwd_data"] = "input"; pass["bwd_w"] = "weights"
  }
  { for (i = 5; i <= 7; ++i) { split($i, f, " "); print "conv", $2, $3, name[$4] " " pass[f[1]], f[2] } }'
END
program sampling_numpy <<'END'
plain "python3 $perf/sampling.py numpy" | sed -nE 's/^rng,([^,]*),((normal|uniform) f[0-9]+) .*,([0-9.]+),.*/\1 \2 \4/p; s/^rng,([^,]*),(gamma\(2.5\) f64|categorical\(10\))[^,]*,([0-9.]+),.*/\1 \2 \3/p' |
  awk '{ ms = $NF; peer = $1; $1 = $NF = ""; gsub(/^ | $/, ""); print "rng," peer ",1," $0 "," 1000 * ms }'
END
program sampling_torch <<'END'
tuned "python3 $perf/sampling.py torch" | sed -nE 's/^rng,([^,]*),(.*) T([12]),([0-9.]+),.*/\1,\3,\2,\4/p; s/^rng,([^,]*),multinomial\(10\),([0-9.]+),.*/\1,1,categorical(10),\2/p' |
  awk -F, '{ print "rng," $1 "," $2 "," $3 "," 1000 * $4 }'
END
program classical <<'END'
one() { plain "python3 $perf/classical.py $t"; }
each one | sed -nE 's/^cls,([12]),(.*),([0-9.]+)$/classical,sklearn,\1,\2,\3/p' |
  sed 's/ (lbfgs, 200 it)/ (lbfgs)/'
END
program decompositions <<'END'
one() {
  plain "python3 $perf/lapack.py NumPy $t; python3 $perf/tall.py NumPy $t"
  tuned "python3 $perf/lapack.py torch $t torch"
}
each one | sed -E 's/^lapack,([^,]*),([12]),([a-z]+)(\([^)]*\))?,([0-9]+),([0-9.]+).*/decompositions,\1,\2,\3 \5,\6/'
END
cat >"$root/opt/perf/tall.py" <<'END'
import sys, time
import numpy as np
from sklearn.decomposition import PCA
label, threads = sys.argv[1:3]
def median_ms(f):
    f()
    times = []
    for _ in range(9):
        start = time.perf_counter(); f(); times.append(time.perf_counter() - start)
    return 1e3 * sorted(times)[4]
random = np.random.default_rng(1)
for m, n in ((1000, 100), (10000, 50)):
    a, b = random.standard_normal((m, n)), random.standard_normal(m)
    print(f'decompositions,{label},{threads},lstsq {m} x {n},{median_ms(lambda: np.linalg.lstsq(a, b, rcond=None))}')
    print(f'decompositions,scikit-learn,{threads},pca {m} x {n},{median_ms(lambda: PCA(10).fit(a))}')
END
program digits_sklearn <<'END'
start=$(date +%s%N)
plain "OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 /usr/bin/time -o /tmp/peak -f %M python3 $perf/digits_sklearn.py" >/dev/null
echo "digits,sklearn,1,seconds,$(($(date +%s%N) - start))e-9"
echo "digits,sklearn,1,memory,$(cat "$root/tmp/peak")"
END
chroot "$root" python3 /opt/perf/mkdigits.py
chroot "$root" python3 - >digits.csv <<'END'
import numpy as np
d = np.load('/tmp/digits.npz')
for x, y in zip(d['X'], d['y']):
    print(*(int(round(16 * v)) for v in x), y, sep=',')
END

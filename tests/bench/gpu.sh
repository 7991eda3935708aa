#!/bin/sh
# `gpu.py` with the libraries that a program with the feature `cuda` needs on the search path: those of a CUDA toolkit, or
# else those that PyTorch's wheels brought. Options are passed on.
here=$(dirname "$0")
python=${PYTHON:-python3}
folders() {
  for root in "$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')" /usr/local /opt /usr/lib; do
    [ -d "$root" ] && find "$root" -name "$1" 2>/dev/null
  done | head -n 1
}
path=
for library in libcublas.so.13 libcurand.so.10 libcudart.so.13; do
  found=$(folders "$library")
  if [ -n "$found" ]; then path=$path$(dirname "$found"):; else echo "gpu.sh: $library: not found" >&2; fi
done
[ -d /usr/local/nvidia/lib64 ] && path=$path/usr/local/nvidia/lib64:
export LD_LIBRARY_PATH="$path$LD_LIBRARY_PATH"
exec "$python" -B "$here/gpu.py" "$@"

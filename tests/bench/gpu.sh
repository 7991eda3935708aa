#!/bin/sh
# `gpu.py` with the libraries that a program with the feature `cuda` needs on the search path: those of a CUDA toolkit, or
# else those that PyTorch's wheels brought. Options are passed on.
here=$(dirname "$0")
python=${PYTHON:-python3}
folder_of() {
  for root in "$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')" /usr/local /opt /usr/lib; do
    found=$(find "$root" -name "$1" 2>/dev/null | head -n 1)
    [ -n "$found" ] && dirname "$found" && return
  done
}
path=
for library in libcublas.so.13 libcurand.so.10 libcudart.so.13; do
  folder=$(folder_of "$library")
  if [ -n "$folder" ]; then path=$path$folder:; else echo "gpu.sh: $library: not found" >&2; fi
done
[ -d /usr/local/nvidia/lib64 ] && path=$path/usr/local/nvidia/lib64:
export LD_LIBRARY_PATH="$path${LD_LIBRARY_PATH:-/usr/lib}"
exec "$python" -B "$here/gpu.py" "$@"

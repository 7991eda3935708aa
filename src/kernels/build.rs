//! Kernels → PTX, by CUDA's compiler, where the feature `cuda` asks for it.

use std::env;
use std::path::PathBuf;
use std::process::{Command, exit};

const MODULES: [&str; 6] = ["adam", "attention", "elements", "norm", "outer", "rows"];

fn main() {
    println!("cargo::rerun-if-changed=cuda");
    println!("cargo::rerun-if-env-changed=CUDA_COMPUTE_CAP");
    println!("cargo::rerun-if-env-changed=NVCC");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    // PTX runs on this generation of devices and on all later ones; 80 is the first that computes in bf16.
    let generation = env::var("CUDA_COMPUTE_CAP").unwrap_or_else(|_| "80".to_owned());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    for module in MODULES {
        compile(module, &generation, &out.join(module).with_extension("ptx"));
    }
}

fn compile(module: &str, generation: &str, to: &std::path::Path) {
    let from = PathBuf::from("cuda").join(module).with_extension("cu");
    let nvcc = env::var_os("NVCC").unwrap_or_else(|| "nvcc".into());
    let arguments = ["-ptx", "-std=c++17", "-O3", &format!("-arch=compute_{generation}")].map(ToOwned::to_owned);
    let done = Command::new(&nvcc).args(arguments).arg("-o").arg(to).arg(&from).status();
    match done {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("{}: expected CUDA's compiler to end well, got {status}", from.display())),
        Err(error) => fail(&format!("CUDA's compiler `{}`: {error}", nvcc.display())),
    }
}

fn fail(what: &str) -> ! {
    println!("cargo::error={what}");
    exit(1)
}

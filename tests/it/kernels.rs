//! The kernels for CUDA devices, run on the CPU, where there is a compiler of C++: against plain arithmetic, and their
//! masks of dropout against those that the CPU draws.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use candle_core::{DType, Device, Tensor};
use docre::ground::random::Random;
use docre::nn::Mode;
use docre::nn::ops::dropout;
use tempfile::TempDir;

fn kernels() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernels/cuda")
}

/// Compiles a file of `emulate`; `None`, said in words, where that cannot be.
fn program(name: &str, folder: &TempDir) -> Option<PathBuf> {
    if !cfg!(target_os = "linux") {
        println!("skipped: {name}: kernels are run on the CPU under Linux alone");
        return None;
    }
    let (source, program) = (kernels().join("emulate").join(name).with_extension("cpp"), folder.path().join(name));
    let options = ["-std=c++20", "-O1", "-fno-strict-aliasing", "-Wno-unknown-pragmas", "-o"];
    match Command::new("c++").args(options).arg(&program).arg(source).output() {
        Ok(done) => {
            assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
            Some(program)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: {name}: c++: {error}");
            None
        }
        Err(error) => panic!("{name}: c++: {error}"),
    }
}

fn agrees(name: &str, done: &Output) {
    let told = [&done.stdout, &done.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat();
    assert!(done.status.success() && told.contains(" comparisons agree"), "{name}: {:?}: {told}", done.status);
}

/// A file of kernels has a check of its name.
#[test]
fn every_kernel_agrees_with_plain_arithmetic() {
    let folder = TempDir::new().unwrap();
    let paths = fs::read_dir(kernels()).unwrap().map(|entry| entry.unwrap().path());
    let modules: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "cu"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(modules.len() >= 6, "{modules:?}");
    std::thread::scope(|scope| {
        for name in &modules {
            scope.spawn(|| {
                let Some(program) = program(name, &folder) else { return };
                agrees(name, &Command::new(program).output().unwrap());
            });
        }
    });
}

#[test]
fn a_card_drops_what_the_processor_drops() {
    let folder = TempDir::new().unwrap();
    let Some(program) = program("masks", &folder) else { return };
    for (probability, seed) in [(0.1, 1), (0.5, u64::MAX), (0.9, 0x0123_4567_89AB_CDEF)] {
        let drop = Mode::Train(&mut Random::new(seed)).drop(probability).unwrap();
        let ones = Tensor::ones(10_000, DType::F32, &Device::Cpu).unwrap();
        let whole: Vec<f32> = dropout(&ones, Some(drop)).unwrap().to_vec1().unwrap();
        let rows = (0..70).flat_map(|row| {
            let mut row_of_ones = vec![1.0; 101];
            drop.part(row).apply(&mut row_of_ones);
            row_of_ones
        });
        let least = (probability * f64::from(u32::MAX)) as u32;
        let scale = (1.0 / (1.0 - probability)) as f32;
        for (width, expected) in [("0", whole), ("101", rows.collect())] {
            assert!(expected.contains(&0.0) && expected.contains(&scale));
            let seed = Random::new(seed).next_u64().to_string();
            let arguments = [width, &seed, &least.to_string(), &scale.to_string()];
            let mut command = Command::new(&program);
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut running = command.spawn().unwrap();
            let bytes: Vec<u8> = expected.iter().flat_map(|value| value.to_ne_bytes()).collect();
            running.stdin.take().unwrap().write_all(&bytes).unwrap();
            agrees(&arguments.join(" "), &running.wait_with_output().unwrap());
        }
    }
}

//! Devices by name, and what a program without CUDA says of them.

use docre::nn::device::{DeviceChoice, Precision};

use crate::support::docre;

#[test]
fn names_are_read_and_written() {
    for name in ["auto", "cpu", "cuda:0", "cuda:7"] {
        assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
    }
    assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
    for name in ["", "gpu", "cuda:", "cuda:-1", "CPU"] {
        assert_eq!(name.parse::<DeviceChoice>(), Err("expected `auto`, `cpu` or `cuda:N`".to_owned()), "{name}");
    }
    let json = |precision| serde_json::to_string(&precision).unwrap();
    assert_eq!([Precision::F32, Precision::Bf16].map(json), ["\"f32\"", "\"bf16\""]);
}

#[test]
fn the_processor_computes_in_32_bits() {
    let compute = DeviceChoice::Cpu.open(None).unwrap();
    assert_eq!((compute.precision, compute.to_string()), (Precision::F32, "cpu, f32".to_owned()));
    let error = DeviceChoice::Cpu.open(Some(Precision::Bf16)).unwrap_err().to_string();
    assert_eq!(error, "precision `bf16`: expected a CUDA device, got the CPU");
    DeviceChoice::Auto.open(Some(Precision::F32)).unwrap();
}

#[test]
fn a_wrong_device_is_wrong_usage() {
    let run = docre(["score", "--checkpoint", "a", "--corpus", "b", "--out", "c", "--device", "gpu"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("expected `auto`, `cpu` or `cuda:N`"), "{}", run.stderr);
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_card_without_the_feature_is_refused_with_a_way_out() {
    let run = docre(["score", "--checkpoint", "a", "--corpus", "b", "--out", "c", "--device", "cuda:1"]);
    assert_eq!(run.code, Some(1));
    let expected = "error: device `cuda:1`: this docre is built for the CPU alone\nhint: build it with `cargo build --release --features cuda`, or pass `--device cpu`\n";
    assert_eq!(run.stderr, expected);
}

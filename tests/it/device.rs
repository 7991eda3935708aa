//! Devices by name, and what a program without CUDA says of them.

use candle_core::Error;
use docre::ground::hint::Hint;
use docre::nn::device::{DeviceChoice, DeviceError, Precision};
use docre::score::ScoreError;
use docre::train::TrainError;
use serde_json::Value;

use crate::support::docre;

#[test]
fn names_are_read_and_written() {
    for name in ["auto", "cpu", "cuda:0", "cuda:7"] {
        assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
    }
    assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
    for name in ["", "gpu", "cuda:", "cuda:-1", "cuda:+1", "cuda:4294967296", "CPU"] {
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

#[test]
fn devices_are_listed_and_which_auto_takes() {
    let run = docre(["devices"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let cpu = run.stdout.lines().next().unwrap();
    assert!(cpu.starts_with("cpu      ") && cpu.contains(" thread"), "{}", run.stdout);
    let auto = run.stdout.lines().find_map(|line| line.strip_prefix("auto     ")).unwrap();
    let found: Value = serde_json::from_str(&docre(["devices", "--format", "json"]).stdout).unwrap();
    let device = &found["devices"][0];
    assert_eq!(device["device"], "cpu");
    assert!(device["threads"].as_u64().unwrap() >= 1 && !device["vectors"].is_number());
    // What `auto` takes is what is computed on.
    let taken = DeviceChoice::Auto.open(None);
    match &taken {
        Ok(compute) => {
            assert_eq!(auto, format!("takes {compute}: {}", compute.why().unwrap()));
            let told = [&found["auto"]["device"], &found["auto"]["precision"]].map(|told| told.as_str().unwrap());
            assert_eq!(told.join(", "), compute.to_string());
        }
        Err(_) => assert!(auto.starts_with("fails: ") && found["auto"]["device"].is_null(), "{auto}"),
    }
    let cards = found["devices"].as_array().unwrap().iter().skip(1);
    for card in cards {
        let [major, memory] = [&card["compute_capability"], &card["memory"]];
        assert!(major.as_str().unwrap().contains('.') && memory.as_u64().unwrap() > 0, "{card}");
    }
    if !cfg!(feature = "cuda") {
        let none = "this docre is built for the CPU alone";
        let how = "`cargo build --release --features cuda` builds one for cards";
        assert!(run.stdout.contains(&format!("cuda     none: {none}; {how}\n")), "{}", run.stdout);
        assert_eq!(auto, format!("takes cpu, f32: {none}"));
        assert_eq!(found["no_cuda"], format!("{none}; {how}"));
    }
    assert_eq!(docre(["devices", "--format", "xml"]).code, Some(2));
}

#[test]
fn a_card_that_fails_in_the_middle_is_told_with_what_to_do() {
    let driver = |code: &str| Error::Msg(format!("DriverError({code}, \"…\")"));
    let scoring = |error| ScoreError::Model(error).hint().map(String::from);
    let training = |source| TrainError::Step { step: 3, source }.hint().map(String::from);
    for (code, score, train) in [
        ("CUDA_ERROR_OUT_OF_MEMORY", "smaller `--pieces-at-once`", "smaller `batch`"),
        ("CUDA_ERROR_ILLEGAL_ADDRESS", "goes on with what is left", "`--resume`"),
        ("CUDA_ERROR_NO_BINARY_FOR_GPU", "`CUDA_COMPUTE_CAP`", "`CUDA_COMPUTE_CAP`"),
    ] {
        let (scored, trained) = (scoring(driver(code)).unwrap(), training(driver(code)).unwrap());
        assert!(scored.contains(score) && trained.contains(train), "{code}: {scored}; {trained}");
        // Before a step, too.
        assert_eq!(TrainError::Model(driver(code)).hint().map(String::from), Some(trained));
    }
    // A fault of docre's own is no card's.
    assert_eq!(scoring(Error::Msg("shape mismatch".to_owned())), None);
    assert_eq!(training(Error::Msg("shape mismatch".to_owned())), None);
    let refused = |code| DeviceError::Refused { choice: DeviceChoice::Cuda(1), source: driver(code) };
    let hint = |code| refused(code).hint().map(String::from).unwrap();
    assert_eq!(hint("CUDA_ERROR_INVALID_DEVICE"), "`docre devices` lists what there is");
    assert!(hint("CUDA_ERROR_NO_BINARY_FOR_GPU").contains("`CUDA_COMPUTE_CAP`"));
}

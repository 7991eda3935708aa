//! What a failed computation says of the device, by the words of its driver and its libraries.

use candle_core::Error;

/// Why a CUDA device has failed, where something can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Its memory is full.
    Memory,
    /// The program was built for another card, or for a newer driver.
    Build,
    /// The device, its driver or one of docre's own operations has failed: nothing can be computed on it any more.
    Device,
}

/// What to do about [`Failure::Build`].
pub const FOR_ANOTHER_CARD: &str = "this docre was built for another card or a newer driver: build it where the card is, \
    or with `CUDA_COMPUTE_CAP` set to the card's compute capability, which `docre devices` shows, without its dot";

/// What the driver and its libraries call it, which no feature changes.
const WORDS: [(&str, Failure); 12] = [
    ("CUDA_ERROR_OUT_OF_MEMORY", Failure::Memory),
    ("CUBLAS_STATUS_ALLOC_FAILED", Failure::Memory),
    ("CURAND_STATUS_ALLOCATION_FAILED", Failure::Memory),
    ("CUDA_ERROR_NO_BINARY_FOR_GPU", Failure::Build),
    ("CUDA_ERROR_INVALID_PTX", Failure::Build),
    ("CUDA_ERROR_UNSUPPORTED_PTX_VERSION", Failure::Build),
    ("CUDA_ERROR_INVALID_IMAGE", Failure::Build),
    ("CUBLAS_STATUS_ARCH_MISMATCH", Failure::Build),
    ("CURAND_STATUS_ARCH_MISMATCH", Failure::Build),
    ("CUDA_ERROR_", Failure::Device),
    ("CUBLAS_STATUS_", Failure::Device),
    ("CURAND_STATUS_", Failure::Device),
];

impl Failure {
    /// Why a computation failed; `None` where it was not the device.
    pub fn of(error: &Error) -> Option<Self> {
        let told = error.to_string();
        WORDS.iter().find(|(words, _)| told.contains(words)).map(|(_, failure)| *failure)
    }
}

/// The driver's answer in words, such as `no CUDA-capable device is detected, CUDA_ERROR_NO_DEVICE`; an error that is none
/// of the driver's as it is.
pub fn answer(error: &Error) -> String {
    let told = error.to_string();
    let driver = told.split_once("DriverError(").and_then(|(_, rest)| rest.split_once("\")"));
    match driver.and_then(|(answer, _)| answer.split_once(", \"")) {
        Some((code, words)) => format!("{words}, {code}"),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart_by_their_words() {
        for (told, expected) in [
            ("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")", Some(Failure::Memory)),
            ("CublasError(CUBLAS_STATUS_ALLOC_FAILED)", Some(Failure::Memory)),
            ("DriverError(CUDA_ERROR_NO_BINARY_FOR_GPU, \"…\") when loading affine", Some(Failure::Build)),
            (
                "DriverError(CUDA_ERROR_ILLEGAL_ADDRESS, \"an illegal memory access was encountered\")",
                Some(Failure::Device),
            ),
            ("CublasError(CUBLAS_STATUS_EXECUTION_FAILED)", Some(Failure::Device)),
            ("shape mismatch in add, lhs: [1], rhs: [2]", None),
        ] {
            // Where it happened is put around it.
            let error = Error::Msg(told.to_owned()).context("step 3");
            assert_eq!(Failure::of(&error), expected, "{error}");
        }
    }

    #[test]
    fn answers_are_told_in_words() {
        for (told, expected) in [
            (
                "DriverError(CUDA_ERROR_NO_DEVICE, \"no CUDA-capable device is detected\")\n  at…",
                "no CUDA-capable device is detected, CUDA_ERROR_NO_DEVICE",
            ),
            ("shape mismatch", "shape mismatch"),
        ] {
            assert_eq!(answer(&Error::Msg(told.to_owned())), expected);
        }
    }
}

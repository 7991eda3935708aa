//! Errors of ours as exceptions of the package, with their hints.

use arrow::error::ArrowError;
use docre::command_line::{Cause, Failure};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

/// The exception that an error becomes.
pub fn raised(py: Python<'_>, error: &anyhow::Error) -> PyErr {
    of_failure(py, &Failure::of(error))
}

/// The exception that an error of Arrow becomes; what was wrapped in it may be ours.
pub fn of_arrow(py: Python<'_>, error: ArrowError) -> PyErr {
    match error {
        ArrowError::ExternalError(error) => raised(py, &anyhow::Error::from_boxed(error)),
        error => raised(py, &error.into()),
    }
}

/// An argument that is out of its range.
pub fn wrong(py: Python<'_>, reason: &str) -> PyErr {
    of_failure(py, &Failure { message: reason.to_owned(), hint: None, cause: Cause::Usage })
}

/// The exception that a failure becomes: `docre.Error` or one below it.
pub fn of_failure(py: Python<'_>, failure: &Failure) -> PyErr {
    match failure.cause {
        Cause::Stopped(_) => PyKeyboardInterrupt::new_err(failure.message.clone()),
        Cause::Usage => made(py, "UsageError", failure),
        Cause::Given => made(py, "Error", failure),
    }
}

/// The exception of that name that an error becomes, where work was not stopped.
pub fn raised_as(py: Python<'_>, class: &str, error: &anyhow::Error) -> PyErr {
    let failure = Failure::of(error);
    if failure.cause == Cause::Given { made(py, class, &failure) } else { of_failure(py, &failure) }
}

fn made(py: Python<'_>, class: &str, failure: &Failure) -> PyErr {
    let made = py.import("docre._errors").and_then(|errors| errors.getattr(class));
    match made.and_then(|class| class.call1((&failure.message, &failure.hint))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

//! The library below the Python package: what of docre Python calls.
//!
//! The package's own sources, in `docre/`, say what its users see; here stands what only Rust can do: Arrow in and out
//! ([`arrow`]), work beside which Python hears Ctrl-C ([`work`]), the command line ([`commands`]) and a scorer that stays
//! ([`scorer`]). Unsafe code stands in [`arrow`] alone, where other libraries' pointers come in.

mod arrow;
mod commands;
mod failure;
mod scorer;
mod tables;
mod work;

use pyo3::prelude::*;

/// As the program has it. Rust's share of the process alone is allocated with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What of docre Python calls.
#[pymodule]
fn _docre(module: &Bound<'_, PyModule>) -> PyResult<()> {
    docre::ground::identity::set_build(docre::BUILD);
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<scorer::Scorer>()?;
    module.add_class::<tables::Table>()?;
    module.add_function(wrap_pyfunction!(commands::call, module)?)?;
    module.add_function(wrap_pyfunction!(commands::described, module)?)?;
    module.add_function(wrap_pyfunction!(commands::environment, module)?)?;
    module.add_function(wrap_pyfunction!(commands::program, module)?)?;
    module.add_function(wrap_pyfunction!(scorer::making, module)?)?;
    module.add_function(wrap_pyfunction!(tables::of_stream, module)?)?;
    module.add_function(wrap_pyfunction!(tables::read, module)?)?;
    module.add_function(wrap_pyfunction!(tables::schema, module)?)?;
    Ok(())
}

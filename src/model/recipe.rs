//! Settings of a model that go together, by name.
//!
//! A model's settings are a recipe's where they are absent, and `recipe` names one; what is told explicitly stays. From
//! then on they are all there: a checkpoint has the settings and no recipe, so that what a recipe means may change
//! without any checkpoint changing with it. Its card has the name too, as it has all that it was trained with.

use ground::settings::{Fields, differing, from_fields};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Serialize};

/// Whose choice settings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// What the model's paper says.
    Paper,
    /// What the program does that its authors released.
    Released,
    /// What docre does where nothing is told: what was measured to be better.
    Docre,
}

/// What settings call it.
const RECIPE: &str = "recipe";

/// The keys of settings whose values are not those that a recipe gives.
pub(crate) fn beside<T: From<Recipe> + Serialize>(settings: &T, recipe: Recipe) -> Vec<String> {
    differing(settings, &T::from(recipe))
}

/// Settings as fields tell them, and their recipe where they do not.
///
/// # Errors
/// Where a field does not fit, and where there is no such recipe.
pub(crate) fn from_fields_by_recipe<T, E>(fields: Fields) -> Result<T, E>
where
    T: From<Recipe> + Serialize + DeserializeOwned,
    E: Error,
{
    let Some(name) = fields.get(RECIPE).filter(|name| !name.is_null()) else { return from_fields(fields) };
    let known = || Recipe::deserialize(name).map_err(|error| E::custom(format!("`{RECIPE}`: {error}")));
    let recipe = if name.is_string() {
        known()?
    } else {
        return Err(E::custom(format!("`{RECIPE}`: expected a name, got {name}")));
    };
    from_fields(fields.or(&T::from(recipe)).map_err(E::custom)?)
}

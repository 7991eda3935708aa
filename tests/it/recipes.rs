//! Recipes of a model's settings: what they set, where that is told, and what a checkpoint keeps of it.

use std::collections::BTreeMap;
use std::fs;

use docre::model::docre_ii::DocreIiConfig;
use docre::model::docre_sd::DocreSdConfig;
use docre::model::recipe::Recipe;
use docre::train::config::TrainConfig;
use serde_json::{Value, json};

use crate::pages::{page, table_after};
use crate::support::docre;
use crate::train::Fixture;

const RECIPES: [Recipe; 3] = [Recipe::Paper, Recipe::Released, Recipe::Docre];

#[test]
fn the_page_tells_where_recipes_differ() {
    let text = page("pipelines/README.md");
    let rows = table_after(&text, "Where recipes differ:");
    for (kind, settings) in [
        ("`docre-ii`", RECIPES.map(|recipe| serde_json::to_value(DocreIiConfig::from(recipe)).unwrap())),
        ("`docre-sd`", RECIPES.map(|recipe| serde_json::to_value(DocreSdConfig::from(recipe)).unwrap())),
    ] {
        let of_kind = rows.iter().filter(|row| row[4] == kind);
        let value = |cell: &str| serde_json::from_str::<Value>(cell.trim_matches('`')).unwrap();
        let told: BTreeMap<String, [Value; 3]> = of_kind
            .map(|row| (row[0].trim_matches('`').to_owned(), [1, 2, 3].map(|place| value(row[place]))))
            .collect();
        let mut expected = BTreeMap::new();
        for key in settings[0].as_object().unwrap().keys().filter(|key| *key != "recipe") {
            let values = settings.each_ref().map(|settings| settings[key].clone());
            if values.iter().any(|value| *value != values[0]) {
                expected.insert(key.clone(), values);
            }
        }
        assert_eq!(told, expected, "{kind}");
    }
}

#[test]
fn a_checkpoint_keeps_what_a_recipe_set_and_its_card_the_name() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 1, ..fixture.config() };
    let mut settings = serde_json::to_value(config).unwrap();
    settings["model"] = json!({"kind": "docre-ii", "recipe": "released", "embedding": 16, "block": 4, "averaged_layers": 1, "contrastive_weight": 0.5});
    settings["second_stage"]["epochs"] = json!(1);
    let (path, out) = (fixture.path("recipe.json"), fixture.path("run"));
    fs::write(&path, settings.to_string()).unwrap();
    let run = docre(["train", "--config", path.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let released = serde_json::to_value(DocreIiConfig::from(Recipe::Released)).unwrap();
    for (checkpoint, iterations) in [("base", 0), ("best", 3)] {
        let read = |file: &str| -> Value {
            serde_json::from_slice(&fs::read(out.join(checkpoint).join(file)).unwrap()).unwrap()
        };
        let (model, card) = (read("config.json")["model"].clone(), read("card.json"));
        assert_eq!(model.get("recipe"), None);
        assert_eq!(card["settings"]["model"]["recipe"], json!("released"));
        for (key, value) in released.as_object().unwrap() {
            let expected = match key.as_str() {
                "recipe" => continue,
                "K" => json!(iterations),
                "embedding" => json!(16),
                "block" => json!(4),
                "averaged_layers" => json!(1),
                "contrastive_weight" => json!(0.5),
                _ => value.clone(),
            };
            assert_eq!(model[key], expected, "{checkpoint}: {key}");
        }
        let shown = docre(["checkpoint", "show", out.join(checkpoint).to_str().unwrap()]);
        let told = "docre-ii by the recipe `released`, with `averaged_layers`, `block`, `contrastive_weight`, `embedding` of its own, ";
        assert!(shown.stdout.contains(told), "{}", shown.stdout);
        assert_eq!(card["beside_recipe"], json!(["averaged_layers", "block", "contrastive_weight", "embedding"]));
        assert!(shown.stdout.contains("\"recipe\":\"released\""), "{}", shown.stdout);
    }
}

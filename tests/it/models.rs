//! Stages of pipelines that train: two synthetic splits, and models that learn them in a moment.

/// Documents to train on and documents that choose, from one world.
pub fn splits(train: u32, dev: u32) -> String {
    let split = |name: &str, documents: u32, first: &str| {
        format!(
            "\n[[stage]]\nname = \"{name}-split\"\nkind = \"synthesize\"\nsplit = \"{name}\"\ndocuments = {documents}\n\
             {first}facts = 4\noutputs = {{ tables = \"{name}\" }}\n"
        )
    };
    split("train", train, "") + &split("dev", dev, &format!("first = {train}\n"))
}

/// A stage of this name that trains a model over an encoder from scratch, with further settings and inputs, towards these
/// outputs.
pub fn training(name: &str, model: &str, settings: &str, inputs: &str, outputs: &str) -> String {
    format!(
        "\n[[stage]]\nname = \"{name}\"\nkind = \"train\"\nmodel = {{ {model} }}\n\
         encoder.scratch = {{ layers = 1, hidden = 16, heads = 2, inner = 16, vocabulary = 200 }}\n\
         encoder_rate = 1e-2\nhead_rate = 1e-2\n{settings}\nbatch = 3\n\
         inputs = {{ train = \"train\", dev = \"dev\"{inputs} }}\noutputs = {{ {outputs} }}\n"
    )
}

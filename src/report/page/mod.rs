//! The page's own text, and the blocks in it.

use std::io::{self, Write};

use ground::identity::Identity;

/// How every page begins.
pub const HEAD: &str = "<!doctype html>\n<!-- made by docre report -->\n";

const BODY: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");

/// In the order in which they build on each other; together they are one script.
const SCRIPTS: [&str; 14] = [
    include_str!("elements.js"),
    include_str!("blocks.js"),
    include_str!("plots.js"),
    include_str!("overview.js"),
    include_str!("figures.js"),
    include_str!("curves.js"),
    include_str!("lineage.js"),
    include_str!("text.js"),
    include_str!("evidence.js"),
    include_str!("reader.js"),
    include_str!("csv.js"),
    include_str!("predictions.js"),
    include_str!("graph.js"),
    include_str!("start.js"),
];

/// Writes a page around blocks, each with its name. Nothing of the data stands in it but inside them.
///
/// # Errors
/// Where the output refuses.
pub fn write(blocks: &[(String, String)], out: &mut impl Write) -> io::Result<()> {
    let nonce = nonce(blocks);
    write!(
        out,
        "{HEAD}<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; form-action 'none'; \
         style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>docre report</title>\n<style nonce=\"{nonce}\">\n{STYLE}</style>\n</head>\n{BODY}"
    )?;
    for (name, block) in blocks {
        writeln!(out, "<script type=\"application/octet-stream\" id=\"block-{name}\">{block}</script>")?;
    }
    writeln!(out, "<script nonce=\"{nonce}\">\n\"use strict\";\n(() => {{")?;
    for script in SCRIPTS {
        out.write_all(script.as_bytes())?;
    }
    writeln!(out, "}})();\n</script>\n</body>\n</html>")
}

/// What marks our script and style as ours. It hangs on all that is in the page, so that nothing in it can know it.
fn nonce(blocks: &[(String, String)]) -> String {
    let block = |page: Identity, (name, block): &(String, String)| page.bytes(name, block.as_bytes());
    blocks.iter().fold(Identity::of("page"), block).finish()
}

// The page's blocks: JSON, compressed (RFC 1950), in base64; each is unpacked once, when it is first asked for.

const unpacked = new Map();

function unpack(name) {
  if (!unpacked.has(name)) unpacked.set(name, read(name));
  return unpacked.get(name);
}

async function read(name) {
  const packed = atob(document.getElementById(`block-${name}`).textContent);
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}

/** The overview. What the data names is looked up in maps alone: on an object, `constructor` and `__proto__` are always
 *  there. */
async function overview() {
  const { labels, undirected, bases, ...run } = await unpack("overview");
  const both = new Set(undirected);
  // Of documents without labels `*` may stand for every relation.
  const bothWays = { has: (relation) => both.has("*") || both.has(relation) };
  return { ...run, labels: new Map(Object.entries(labels)), undirected: bothWays, bases: new Map(bases) };
}

/** What a relation is called: its label, where it has one. */
const relationName = (run, relation) => named(run.labels.get(relation) ?? relation);

/** What stands between a relation and its tail; one that holds both ways points nowhere. */
const arrowOf = (run, relation) => (run.undirected.has(relation) ? "–" : "→");

/** An identifier in a knowledge base, as a link where its base has registered IRIs. */
function knownAs(run, id) {
  const colon = id.indexOf(":");
  const base = run.bases.get(id.slice(0, colon));
  if (colon < 0 || base === undefined) return h("code", {}, id);
  const address = base + encodeURIComponent(id.slice(colon + 1)).replaceAll("%2F", "/").replaceAll("%3A", ":");
  return h("a", { class: "known", href: address, target: "_blank", rel: "noopener noreferrer" }, id);
}

/** A document, by its place in the list of documents. */
async function documentAt(run, place) {
  const block = await unpack(`documents-${Math.floor(place / run.documents_in_block)}`);
  return block[place % run.documents_in_block];
}

/** Every document. */
async function allDocuments(run) {
  const blocks = Math.ceil(run.documents.length / run.documents_in_block);
  return (await Promise.all(Array.from({ length: blocks }, (_, number) => unpack(`documents-${number}`)))).flat();
}

//! Who the entities of a document are in knowledge bases.

use ground::curie::curie;

use crate::document::Document;

/// Puts each `kb_id` as a CURIE, by the entity's type; one that stands for no identity goes. Two entities of one CURIE
/// stay two: their reader alone knows whether they are one.
pub(crate) fn identify(mut document: Document) -> Document {
    for entity in &mut document.entities {
        let kind = entity.mentions.first().map(|mention| &*mention.kind).unwrap_or_default();
        let identity = entity.kb_id.as_deref().and_then(|id| curie(id, kind));
        if entity.kb_id.as_deref() != identity.as_deref() {
            entity.kb_id = identity.map(Into::into);
        }
    }
    document
}

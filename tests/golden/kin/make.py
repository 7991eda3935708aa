"""Writes the golden values of RoBERTa's and BERT's kin beside itself: for each a small random encoder, its tokenizer,
documents and what Hugging Face's own classes make of them. Needs torch, transformers 4, sentencepiece, safetensors.

The expected pieces are those of SentencePiece itself (the slow tokenizers), a word at a time, not of the library that
reads `tokenizer.json`.
"""

import io
import json
import sys
from pathlib import Path

import sentencepiece
import torch
import transformers
from safetensors.torch import save_file

HERE = Path(__file__).parent
DOCUMENTS = [
    "Marta Kovács wohnt seit 1999 in Łódź ; ihr Bruder nicht .".split(),
    "राम दिल्ली में रहता है ।".split(),
    "آنا في القاهرة ﬁnally ， Ｘ２ was said".split(),
    "東京 大学 は 東京 に ある 。 unverständlichkeiten * ☃ <unk>".split(),
]
# What SentencePiece's normaliser does, in a table that stays small: ligatures, full width, an ideographic space.
RULES = {"ﬁ": "fi", "，": ",", "Ｘ": "X", "２": "2", "\u3000": " ", "…": "..."}
# The pieces whose attention is kept.
ROWS = [1, 4]
SHAPE = dict(
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=32,
    max_position_embeddings=80,
    initializer_range=0.3,
)


def sentencepiece_model(path):
    rules = path.with_suffix(".tsv")
    hexes = lambda text: " ".join(f"{ord(letter):X}" for letter in text)
    rules.write_text("".join(f"{hexes(a)}\t{hexes(b)}\n" for a, b in RULES.items()))
    text = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(words) for words in DOCUMENTS[:3]] * 20 + ["東京大学は東京にある。"] * 20),
        model_writer=text,
        vocab_size=130,
        hard_vocab_limit=False,
        model_type="unigram",
        normalization_rule_tsv=str(rules),
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
        minloglevel=2,
    )
    rules.unlink()
    path.write_bytes(text.getvalue())


def word_pieces(path):
    letters = sorted({letter for words in DOCUMENTS for word in words for letter in word.lower()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    path.write_text("".join(f"{piece}\n" for piece in pieces + ["wohnt", "##udder", "said"]))


def shaken(model):
    """Biases and norms are at 0 and 1 at first, which would hide what is done with them."""
    torch.manual_seed(7)
    for name, weight in model.named_parameters():
        if weight.dim() == 1:
            weight.data.add_(torch.randn_like(weight) * 0.2)
    return model.eval()


def write(name, tokenizer, model, encoder):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    model.config.save_pretrained(folder)
    weights = {name: weight.contiguous().clone() for name, weight in model.state_dict().items()}
    save_file({name: weight for name, weight in weights.items() if name.startswith(encoder + ".")}, folder / "model.safetensors")
    fast = getattr(transformers, f"{type(tokenizer).__name__}Fast")(tokenizer.vocab_file)
    fast.backend_tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    words, expected = [], {}
    for place, document in enumerate(DOCUMENTS):
        pieces = [tokenizer.convert_tokens_to_ids(tokenizer.tokenize(word)) for word in document]
        words.append([{"word": word, "ids": ids} for word, ids in zip(document, pieces)])
        ids = [tokenizer.cls_token_id, *(piece for word in pieces for piece in word), tokenizer.sep_token_id]
        with torch.no_grad():
            out = getattr(model, encoder)(torch.tensor([ids]), output_attentions=True)
        expected[f"{place}.ids"] = torch.tensor(ids, dtype=torch.int64)
        expected[f"{place}.states"] = out.last_hidden_state[0].contiguous()
        # (rows, heads, pieces)
        expected[f"{place}.attention"] = out.attentions[-1][0].transpose(0, 1)[ROWS].contiguous()
    save_file(expected, folder / "expected.safetensors")
    (folder / "words.json").write_text(json.dumps(words, ensure_ascii=False) + "\n")


def main():
    model_file = HERE / "sentencepiece.bpe.model"
    vocabulary = HERE / "vocab.txt"
    sentencepiece_model(model_file)
    word_pieces(vocabulary)
    for name, kind in [("xlm_roberta", "XLMRoberta"), ("camembert", "Camembert")]:
        tokenizer = getattr(transformers, f"{kind}Tokenizer")(str(model_file))
        torch.manual_seed(1)
        config = getattr(transformers, f"{kind}Config")(
            vocab_size=len(tokenizer), type_vocab_size=1, layer_norm_eps=1e-5, **SHAPE
        )
        model = shaken(getattr(transformers, f"{kind}ForMaskedLM")(config))
        write(name, tokenizer, model, "roberta")
    tokenizer = transformers.ElectraTokenizer(str(vocabulary))
    tokenizer.vocab_file = str(vocabulary)
    torch.manual_seed(1)
    config = transformers.ElectraConfig(vocab_size=len(tokenizer), embedding_size=8, **SHAPE)
    model = shaken(transformers.ElectraForPreTraining(config))
    write("electra", tokenizer, model, "electra")
    model_file.unlink()
    vocabulary.unlink()


if __name__ == "__main__":
    sys.exit(main())

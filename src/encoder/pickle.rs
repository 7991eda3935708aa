//! The pickle in an archive of PyTorch → where each weight lies in it.
//!
//! A pickle is a program for a small machine with a stack (Python's `pickletools` lists its instructions). Those that
//! state dicts are made of are read here, and nothing is called: a class is its name. Objects lie in one list and name
//! each other by their places, so that neither what they share nor how deep they nest costs more than the file's length;
//! what is copied all the same is bounded.

use std::collections::{BTreeMap, HashMap};

use candle_core::DType;
use ground::Text;

/// A longer pickle holds more than weights' names.
pub const LONGEST: u64 = 16 << 20;
/// Objects of a pickle at most: some twenty a weight.
const MOST_OBJECTS: usize = 1 << 22;
/// Entries that dictionaries take from others at most.
const MOST_COPIED: usize = MOST_OBJECTS;
/// No weight has more dimensions: many weights may share one shape.
const MOST_DIMENSIONS: usize = 8;

/// Where a weight lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    pub name: Text,
    pub dtype: DType,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
    /// The first of its numbers in the storage.
    pub offset: usize,
    /// The name of its storage's file.
    pub storage: Text,
}

/// A place in the list of objects.
type Place = usize;

#[derive(Debug, Clone)]
enum Object {
    /// What no weight is described by.
    Other,
    Number(i64),
    Text(Text),
    /// A class or function: module and name.
    Class(String, String),
    Tuple(Vec<Place>),
    Dict(Vec<(Place, Place)>),
    /// What calling the first with the second would give.
    Call(Place, Place),
    /// What stands outside the pickle.
    Persistent(Place),
}

/// The weights that a pickle describes, by name; of several of one name the last. What it holds beside them is left aside.
///
/// # Errors
/// Where it is no pickle of PyTorch's, expected then got.
pub fn weights(bytes: &[u8]) -> Result<Vec<Saved>, String> {
    let mut machine = Machine { rest: bytes, ..Machine::default() };
    while machine.step()? {}
    let Some(Object::Dict(entries)) = machine.stack.pop().and_then(|top| machine.objects.get(top)) else {
        return Ok(Vec::new());
    };
    let named = entries.iter().filter_map(|&(name, value)| Some((machine.text_at(name)?, value)));
    let named: BTreeMap<&Text, Place> = named.collect();
    named.into_iter().filter_map(|(name, value)| machine.saved(name, value).transpose()).collect()
}

#[derive(Default)]
struct Machine<'b> {
    rest: &'b [u8],
    objects: Vec<Object>,
    stack: Vec<Place>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Place>,
    /// Entries that dictionaries took from others.
    copied: usize,
}

impl Machine<'_> {
    /// Follows an instruction; `false` after the last.
    fn step(&mut self) -> Result<bool, String> {
        match self.byte()? {
            b'.' => return Ok(false),
            0x80 => drop(self.byte()?),
            b'(' => self.marks.push(self.stack.len()),
            b'q' => self.remember(1)?,
            b'r' => self.remember(4)?,
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,
            b'b' => self.build()?,
            b'a' => drop(self.pop()?),
            b'e' => drop(self.since_mark()?),
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.since_mark()?;
                self.set(&items)?;
            }
            instruction => {
                let object = self.made(instruction)?;
                self.push(object)?;
            }
        }
        Ok(true)
    }

    /// What an instruction makes that puts a new object onto the stack.
    fn made(&mut self, instruction: u8) -> Result<Object, String> {
        Ok(match instruction {
            b'N' | 0x88 | 0x89 | b']' => Object::Other,
            b'G' => self.take(8).map(|_| Object::Other)?,
            b'K' => Object::Number(self.unsigned(1)?.into()),
            b'M' => Object::Number(self.unsigned(2)?.into()),
            // The four bytes are of two's complement.
            b'J' => Object::Number(self.unsigned(4)?.cast_signed().into()),
            0x8a => Object::Number(self.long()?),
            b'X' => Object::Text(self.text()?),
            b'c' => Object::Class(self.line()?, self.line()?),
            b')' => Object::Tuple(Vec::new()),
            b't' => Object::Tuple(self.since_mark()?),
            0x85..=0x87 => Object::Tuple(self.last(usize::from(instruction - 0x84))?),
            b'}' => Object::Dict(Vec::new()),
            b'd' => Object::Dict(pairs(&self.since_mark()?)?),
            b'R' | 0x81 => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                self.called(callee, arguments)
            }
            b'Q' => Object::Persistent(self.pop()?),
            other => return Err(format!("instruction {other:#04x} of the pickle is not known")),
        })
    }

    fn called(&self, callee: Place, arguments: Place) -> Object {
        match self.objects.get(callee) {
            Some(Object::Class(module, name))
                if module == "collections" && matches!(&**name, "OrderedDict" | "defaultdict") =>
            {
                Object::Dict(Vec::new())
            }
            _ => Object::Call(callee, arguments),
        }
    }

    /// Gives an object its state: to a dictionary more entries; a module's own is what stands for it.
    fn build(&mut self) -> Result<(), String> {
        let (state, object) = (self.pop()?, self.pop()?);
        let built = match (self.objects.get(object), self.objects.get(state)) {
            (Some(Object::Dict(_)), Some(Object::Dict(more))) => {
                self.copied = self.copied.saturating_add(more.len());
                if self.copied > MOST_COPIED {
                    return Err(format!("the pickle copies more than {MOST_COPIED} entries of dictionaries"));
                }
                let more = more.clone();
                if let Some(Object::Dict(entries)) = self.objects.get_mut(object) {
                    entries.extend(more);
                }
                object
            }
            (Some(&Object::Call(callee, _)), Some(Object::Dict(_))) if self.is(callee, "__torch__", "Module") => state,
            _ => object,
        };
        self.stack.push(built);
        Ok(())
    }

    fn push(&mut self, object: Object) -> Result<(), String> {
        if self.objects.len() == MOST_OBJECTS {
            return Err(format!("the pickle has more than {MOST_OBJECTS} objects"));
        }
        self.stack.push(self.objects.len());
        self.objects.push(object);
        Ok(())
    }

    fn pop(&mut self) -> Result<Place, String> {
        self.stack.pop().ok_or_else(|| "the pickle takes from an empty stack".to_owned())
    }

    fn last(&mut self, count: usize) -> Result<Vec<Place>, String> {
        let start = self.stack.len().checked_sub(count);
        start.map(|start| self.stack.split_off(start)).ok_or_else(|| "the pickle takes from an empty stack".to_owned())
    }

    fn since_mark(&mut self) -> Result<Vec<Place>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        mark.map(|mark| self.stack.split_off(mark)).ok_or_else(|| "the pickle misses a mark".to_owned())
    }

    fn set(&mut self, items: &[Place]) -> Result<(), String> {
        let top = self.stack.last().and_then(|&top| self.objects.get_mut(top));
        let Some(Object::Dict(entries)) = top else {
            return Err("the pickle sets an item of no dictionary".to_owned());
        };
        entries.extend(pairs(items)?);
        Ok(())
    }

    fn remember(&mut self, width: usize) -> Result<(), String> {
        let key = self.unsigned(width)?;
        let top = self.stack.last().ok_or_else(|| "the pickle remembers nothing".to_owned())?;
        self.memo.insert(key, *top);
        Ok(())
    }

    fn recall(&mut self, width: usize) -> Result<(), String> {
        let key = self.unsigned(width)?;
        let known = self.memo.get(&key).ok_or_else(|| format!("the pickle recalls {key}, which it never saw"))?;
        self.stack.push(*known);
        Ok(())
    }

    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| "the pickle ends too early".to_owned())?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    /// A number of so many bytes, the lowest first.
    fn unsigned(&mut self, width: usize) -> Result<u32, String> {
        Ok(self.take(width)?.iter().rev().fold(0, |number, byte| (number << 8) | u32::from(*byte)))
    }

    fn long(&mut self) -> Result<i64, String> {
        let width = usize::from(self.byte()?);
        if width > 8 {
            return Err(format!("expected numbers of at most 8 bytes, got one of {width}"));
        }
        Ok(self.take(width)?.iter().rev().fold(0, |number, byte| (number << 8) | i64::from(*byte)))
    }

    fn text(&mut self) -> Result<Text, String> {
        let length = self.unsigned(4)? as usize;
        let text = std::str::from_utf8(self.take(length)?);
        text.map(Text::from).map_err(|_| "a text of the pickle is not UTF-8".to_owned())
    }

    fn line(&mut self) -> Result<String, String> {
        let length = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
        let line = String::from_utf8_lossy(self.take(length)?).trim_end_matches('\r').to_owned();
        self.byte()?;
        Ok(line)
    }

    fn is(&self, place: Place, module: &str, name: &str) -> bool {
        matches!(self.objects.get(place), Some(Object::Class(of, called)) if of == module && called == name)
    }

    /// The weight of an entry of the state dict, where it is one of a type that is read.
    fn saved(&self, name: &Text, value: Place) -> Result<Option<Saved>, String> {
        let Some(arguments) = self.tensor(value, true) else { return Ok(None) };
        let misfit = || format!("weight `{name}`: expected storage, offset, shape and strides, got none of PyTorch's");
        let [storage, offset, shape, strides] = *arguments.first_chunk().ok_or_else(misfit)?;
        let Some(Object::Persistent(storage)) = self.objects.get(storage) else { return Err(misfit()) };
        let Some([_, class, storage]) = self.tuple(*storage).and_then(|parts| parts.first_chunk()) else {
            return Err(misfit());
        };
        let Some(dtype) = self.dtype(*class) else { return Ok(None) };
        let storage = self.text_at(*storage).ok_or_else(misfit)?;
        let counts = [shape, strides].map(|place| self.tuple(place).map_or(0, <[Place]>::len));
        if let Some(count) = counts.iter().find(|count| **count > MOST_DIMENSIONS) {
            return Err(format!("weight `{name}`: expected at most {MOST_DIMENSIONS} dimensions, got {count}"));
        }
        let (offset, shape, strides) = (self.number(offset), self.numbers(shape), self.numbers(strides));
        let ((offset, shape), strides) = offset.zip(shape).zip(strides).ok_or_else(misfit)?;
        Ok(Some(Saved { name: name.clone(), dtype, shape, strides, offset, storage: storage.clone() }))
    }

    /// The arguments with which a tensor is made anew, also where it is wrapped, once, as a parameter or a subclass.
    fn tensor(&self, value: Place, may_be_wrapped: bool) -> Option<&[Place]> {
        let Some(&Object::Call(callee, arguments)) = self.objects.get(value) else { return None };
        let arguments = self.tuple(arguments)?;
        if self.is(callee, "torch._utils", "_rebuild_tensor_v2") {
            return Some(arguments);
        }
        if may_be_wrapped && self.is(callee, "torch._utils", "_rebuild_parameter") {
            return self.tensor(*arguments.first()?, false);
        }
        let is_subclass = may_be_wrapped && self.is(callee, "torch._tensor", "_rebuild_from_type_v2");
        let [function, _, inner] = arguments.first_chunk().filter(|_| is_subclass)?;
        self.tuple(*inner).filter(|_| self.is(*function, "torch._utils", "_rebuild_tensor_v2"))
    }

    fn dtype(&self, class: Place) -> Option<DType> {
        let Some(Object::Class(_, name)) = self.objects.get(class) else { return None };
        Some(match &**name {
            "FloatStorage" => DType::F32,
            "DoubleStorage" => DType::F64,
            "HalfStorage" => DType::F16,
            "BFloat16Storage" => DType::BF16,
            "ByteStorage" => DType::U8,
            "LongStorage" => DType::I64,
            _ => return None,
        })
    }

    fn text_at(&self, place: Place) -> Option<&Text> {
        if let Some(Object::Text(text)) = self.objects.get(place) { Some(text) } else { None }
    }

    fn tuple(&self, place: Place) -> Option<&[Place]> {
        if let Some(Object::Tuple(items)) = self.objects.get(place) { Some(items) } else { None }
    }

    fn number(&self, place: Place) -> Option<usize> {
        if let Some(Object::Number(number)) = self.objects.get(place) { usize::try_from(*number).ok() } else { None }
    }

    fn numbers(&self, place: Place) -> Option<Vec<usize>> {
        self.tuple(place)?.iter().map(|&item| self.number(item)).collect()
    }
}

/// Keys and values that follow each other.
fn pairs(items: &[Place]) -> Result<Vec<(Place, Place)>, String> {
    let (pairs, rest) = items.as_chunks();
    if !rest.is_empty() {
        return Err("the pickle has a key without a value".to_owned());
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}

//! An archive of PyTorch → its weights: a ZIP file with one pickle and a file for each storage.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use candle_core::{Device, Layout, Shape, Tensor};
use zip::ZipArchive;

use super::pickle::{LONGEST, Saved, weights};

/// Weights may share storages, as tied embeddings do; they take so many times the archive's length at most.
const MOST_SHARED: u64 = 8;

type Archive = ZipArchive<BufReader<File>>;

/// Every weight of an archive, by name.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read(path: &Path) -> Result<Vec<(String, Tensor)>, String> {
    let file = ground::open_file(path).map_err(|error| error.to_string())?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| error.to_string())?;
    let mut room = length.saturating_mul(MOST_SHARED);
    let mut tensors = BTreeMap::new();
    for (folder, pickle) in pickles(&mut archive)? {
        for saved in weights(&pickle)? {
            let size = size(&saved).filter(|size| *size <= length);
            let size = size.ok_or_else(|| format!("weight `{}`: is larger than the archive", saved.name))?;
            let left = room.checked_sub(size);
            room = left.ok_or_else(|| format!("its weights take more than {MOST_SHARED} times its length"))?;
            let tensor = tensor(&mut archive, &folder, &saved, size);
            tensors
                .insert(saved.name.to_string(), tensor.map_err(|error| format!("weight `{}`: {error}", saved.name))?);
        }
    }
    Ok(tensors.into_iter().collect())
}

/// The pickles, each with the folder of its storages.
fn pickles(archive: &mut Archive) -> Result<Vec<(String, Vec<u8>)>, String> {
    let names: Vec<String> = (0..archive.len())
        .map(|place| archive.by_index_raw(place).map(|entry| String::from_utf8_lossy(entry.name_raw()).into_owned()))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    // Several names may stand for one and the same part of the file.
    let (mut found, mut room) = (Vec::new(), LONGEST);
    for name in names.iter().filter(|name| name.ends_with("data.pkl")) {
        let mut pickle = Vec::new();
        let entry = archive.by_name(name).map_err(|error| error.to_string())?;
        entry.take(room + 1).read_to_end(&mut pickle).map_err(|error| error.to_string())?;
        let left = room.checked_sub(pickle.len() as u64);
        room = left.ok_or_else(|| format!("expected a pickle of at most {LONGEST} bytes, got a longer one"))?;
        found.push((name.trim_end_matches(".pkl").to_owned(), pickle));
    }
    Ok(found)
}

/// The bytes of a weight; `None` where no memory holds so many.
fn size(saved: &Saved) -> Option<u64> {
    let count = saved.shape.iter().try_fold(1u64, |count, size| count.checked_mul(u64::try_from(*size).ok()?))?;
    count.checked_mul(saved.dtype.size_in_bytes() as u64)
}

fn tensor(archive: &mut Archive, folder: &str, saved: &Saved, size: u64) -> Result<Tensor, String> {
    let layout = Layout::new(Shape::from(saved.shape.clone()), saved.strides.clone(), 0);
    let is_turned = !layout.is_contiguous();
    if is_turned && !layout.is_fortran_contiguous() {
        return Err(format!("expected numbers one after another, got strides {:?}", saved.strides));
    }
    let mut entry = archive.by_name(&format!("{folder}/{}", saved.storage)).map_err(|error| error.to_string())?;
    let before = (saved.offset as u64).saturating_mul(saved.dtype.size_in_bytes() as u64);
    std::io::copy(&mut entry.by_ref().take(before), &mut std::io::sink()).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    entry.take(size).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 != size {
        return Err(format!("expected {size} bytes in storage `{}`, got {}", saved.storage, bytes.len()));
    }
    let mut shape = saved.shape.clone();
    if is_turned {
        shape.reverse();
    }
    let tensor = Tensor::from_raw_buffer(&bytes, saved.dtype, &shape, &Device::Cpu);
    let turned = |tensor: Tensor| {
        if is_turned { tensor.permute((0..shape.len()).rev().collect::<Vec<_>>()) } else { Ok(tensor) }
    };
    tensor.and_then(turned).map_err(|error| error.to_string())
}

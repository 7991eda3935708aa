//! Starting a kernel.

use candle_core::cuda_backend::cudarc::driver::{DevicePtr, DeviceRepr, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::{CudaDType, WrapErr};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, DType, Device, Result, Shape, Storage, Tensor, bail};

/// A file of kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Module {
    /// AdamW.
    Adam,
    /// Self-attention of the encoder.
    Attention,
    /// Bias, activation, dropout, sums over columns.
    Elements,
    /// Layer norm and what stands before it.
    Norm,
    /// Outer products of blocks.
    Outer,
    /// Lists of rows, and softmax.
    Rows,
}

impl Module {
    fn name(self) -> &'static str {
        match self {
            Self::Adam => "docre-adam",
            Self::Attention => "docre-attention",
            Self::Elements => "docre-elements",
            Self::Norm => "docre-norm",
            Self::Outer => "docre-outer",
            Self::Rows => "docre-rows",
        }
    }

    fn ptx(self) -> &'static str {
        match self {
            Self::Adam => include_str!(concat!(env!("OUT_DIR"), "/adam.ptx")),
            Self::Attention => include_str!(concat!(env!("OUT_DIR"), "/attention.ptx")),
            Self::Elements => include_str!(concat!(env!("OUT_DIR"), "/elements.ptx")),
            Self::Norm => include_str!(concat!(env!("OUT_DIR"), "/norm.ptx")),
            Self::Outer => include_str!(concat!(env!("OUT_DIR"), "/outer.ptx")),
            Self::Rows => include_str!(concat!(env!("OUT_DIR"), "/rows.ptx")),
        }
    }
}

/// A kernel by name.
#[derive(Debug, Clone, Copy)]
pub struct Kernel<'n> {
    /// Its file.
    pub module: Module,
    /// Its name there.
    pub name: &'n str,
}

/// How many threads run it.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// Blocks, by x, y and z.
    pub blocks: (u32, u32, u32),
    /// Threads of a block, likewise.
    pub threads: (u32, u32, u32),
    /// Bytes of shared memory that a block is given beside those that it declares.
    pub shared: u32,
}

impl Grid {
    /// A row of blocks, each with a row of threads.
    pub fn row(blocks: usize, threads: u32) -> Self {
        Self { blocks: (blocks as u32, 1, 1), threads: (threads, 1, 1), shared: 0 }
    }
}

/// What a kernel takes beside memory.
#[derive(Debug, Clone, Copy)]
pub enum Scalar {
    /// 32 bits.
    U32(u32),
    /// 64 bits.
    U64(u64),
    /// A real number.
    F32(f32),
}

/// What a kernel has made.
pub struct Made {
    storage: CudaStorage,
    shape: Shape,
}

impl Made {
    /// As a tensor without a gradient.
    pub fn tensor(self) -> Tensor {
        Tensor::from_storage(Storage::Cuda(self.storage), self.shape, BackpropOp::none(), false)
    }

    /// As memory that no tensor holds.
    pub fn parts(self) -> (Storage, Shape) {
        (Storage::Cuda(self.storage), self.shape)
    }
}

/// Starts a kernel, whose arguments are the addresses of its inputs, those of its outputs, and scalars, in this order;
/// and gives the outputs. Inputs lie one after another in memory. Outputs are not cleared before.
///
/// The kernel must fit what it is given: that is what the code around each call is for.
///
/// # Errors
/// Where an input lies elsewhere, or the driver refuses.
pub fn launch(
    kernel: Kernel<'_>,
    grid: Grid,
    inputs: &[&Tensor],
    outputs: &[(DType, Shape)],
    scalars: &[Scalar],
) -> Result<Vec<Made>> {
    let Some(Device::Cuda(device)) = inputs.first().map(|input| input.device()) else {
        bail!("kernel `{}`: expected tensors on a CUDA device", kernel.name);
    };
    let made = outputs.iter().map(|(dtype, shape)| empty(device, *dtype, shape.elem_count()));
    let made = made.collect::<Result<Vec<CudaStorage>>>()?;
    let mut addresses = inputs.iter().map(|input| address(input)).collect::<Result<Vec<u64>>>()?;
    for storage in &made {
        addresses.push(address_of(storage)?);
    }
    start(device, kernel, grid, &addresses, scalars)?;
    let made = made.into_iter().zip(outputs);
    Ok(made.map(|(storage, (_, shape))| Made { storage, shape: shape.clone() }).collect())
}

#[expect(unsafe_code, reason = "the driver's interface")]
fn start(device: &CudaDevice, kernel: Kernel<'_>, grid: Grid, addresses: &[u64], scalars: &[Scalar]) -> Result<()> {
    let Grid { blocks, threads, shared } = grid;
    if blocks.0 == 0 || blocks.1 == 0 || blocks.2 == 0 {
        return Ok(());
    }
    let function = device.get_or_load_custom_func(kernel.name, kernel.module.name(), kernel.module.ptx())?;
    let mut launch = function.builder();
    for address in addresses {
        launch.arg(address);
    }
    for scalar in scalars {
        match scalar {
            Scalar::U32(value) => launch.arg(value),
            Scalar::U64(value) => launch.arg(value),
            Scalar::F32(value) => launch.arg(value),
        };
    }
    let config = LaunchConfig { grid_dim: blocks, block_dim: threads, shared_mem_bytes: shared };
    // SAFETY: the addresses are those of tensors that are held until the kernel is asked for, and freed in the order of
    // the one stream; the kernel reads and writes within them, which its tests show.
    unsafe { launch.launch(config) }.w()?;
    Ok(())
}

/// Where a tensor's numbers lie in its device's memory.
///
/// # Errors
/// Where they do not lie there one after another.
pub fn address(tensor: &Tensor) -> Result<u64> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cuda(storage), Some((first, _))) => {
            Ok(address_of(storage)? + (first * tensor.dtype().size_in_bytes()) as u64)
        }
        _ => bail!("kernel: expected a contiguous tensor on a CUDA device, got strides {:?}", layout.stride()),
    }
}

fn address_of(storage: &CudaStorage) -> Result<u64> {
    use candle_core::backend::BackendStorage;
    match storage.dtype() {
        DType::F32 => of_type::<f32>(storage),
        DType::BF16 => of_type::<half::bf16>(storage),
        DType::U32 => of_type::<u32>(storage),
        DType::I64 => of_type::<i64>(storage),
        dtype => bail!("kernel: expected numbers of a type that kernels know, got {dtype:?}"),
    }
}

fn of_type<T: CudaDType + DeviceRepr>(storage: &CudaStorage) -> Result<u64> {
    let stream = storage.device.cuda_stream();
    let (address, _used) = storage.as_cuda_slice::<T>()?.device_ptr(&stream);
    Ok(address)
}

/// Memory that holds anything.
#[expect(unsafe_code, reason = "the kernel that it is for writes all of it")]
fn empty(device: &CudaDevice, dtype: DType, count: usize) -> Result<CudaStorage> {
    // SAFETY: nothing reads it before the kernel has written it.
    unsafe {
        match dtype {
            DType::F32 => Ok(CudaStorage::wrap_cuda_slice(device.alloc::<f32>(count)?, device.clone())),
            DType::BF16 => Ok(CudaStorage::wrap_cuda_slice(device.alloc::<half::bf16>(count)?, device.clone())),
            dtype => bail!("kernel: expected results in f32 or bf16, got {dtype:?}"),
        }
    }
}

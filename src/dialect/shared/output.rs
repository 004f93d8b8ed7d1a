//! Memory that the engine fills and that is wiped after the response is written.

use zeroize::Zeroizing;

use crate::engine::Output;
use crate::error::Result;

/// N outputs of the engine, in the order in which the operation names them.
pub struct Outputs<const N: usize>([Zeroizing<Vec<u8>>; N]);

impl<const N: usize> Outputs<N> {
    pub fn new() -> Self {
        Outputs(std::array::from_fn(|_| Zeroizing::default()))
    }

    pub fn into_inner(self) -> [Zeroizing<Vec<u8>>; N] {
        self.0
    }
}

impl<const N: usize> Output<N> for Outputs<N> {
    fn reserve(&mut self, needs: [usize; N]) -> Result<[Option<&mut [u8]>; N]> {
        self.0.iter_mut().zip(needs).for_each(|(memory, need)| memory.resize(need, 0));
        Ok(self.0.each_mut().map(|memory| Some(memory.as_mut_slice())))
    }
}

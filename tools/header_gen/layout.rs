//! Where members lie, computed from the declarations, for callers that have no C compiler.

use std::collections::HashMap;

use super::model::{Model, Variable};

pub struct Placed {
    pub offset: usize,
    pub size: usize,
}

pub struct Layout {
    pub members: Vec<Placed>,
    pub size: usize,
    align: usize,
}

/// A platform's sizes; `wide_align` is how it aligns 8-byte integers.
#[derive(Clone, Copy)]
struct Platform {
    word: usize,
    wide_align: usize,
}

const BITS_64: Platform = Platform { word: 8, wide_align: 8 };
const ARM_32: Platform = Platform { word: 4, wide_align: 8 };
const I386: Platform = Platform { word: 4, wide_align: 4 };

/// The layout of every struct, in the model's order, for 64 and for 32 bits. An error if a struct has a hole, does
/// not end at its last member, or differs between 32-bit platforms: a longer struct could hide in padding, and one
/// table would not do for all.
pub fn layouts(model: &Model) -> Result<Vec<(Layout, Layout)>, String> {
    let wide = of_platform(model, BITS_64)?;
    let arm = of_platform(model, ARM_32)?;
    let i386 = of_platform(model, I386)?;
    for ((item, _), (a, b)) in model.structs().zip(arm.iter().zip(&i386)) {
        let differs = a.size != b.size || a.members.iter().zip(&b.members).any(|(a, b)| a.offset != b.offset);
        if differs {
            return Err(format!("{}: 8-byte members must lie on multiples of 8 on 32 bits too", item.name));
        }
    }
    Ok(wide.into_iter().zip(arm).collect())
}

fn of_platform(model: &Model, platform: Platform) -> Result<Vec<Layout>, String> {
    let mut known: HashMap<&str, (usize, usize)> = HashMap::new();
    let mut all = Vec::new();
    for (item, members) in model.structs() {
        let layout = of_struct(members, platform, &known).map_err(|e| format!("{}: {e}", item.name))?;
        known.insert(&item.name, (layout.size, layout.align));
        all.push(layout);
    }
    Ok(all)
}

fn of_struct(
    members: &[Variable],
    platform: Platform,
    known: &HashMap<&str, (usize, usize)>,
) -> Result<Layout, String> {
    let mut layout = Layout { members: Vec::new(), size: 0, align: 1 };
    for member in members {
        let (size, align) = size_and_align(&member.ty, platform, known)?;
        if layout.size % align != 0 {
            return Err(format!("a hole of padding before {}", member.name));
        }
        let size = size * member.count.unwrap_or(1);
        layout.members.push(Placed { offset: layout.size, size });
        layout.size += size;
        layout.align = layout.align.max(align);
    }
    if layout.size % layout.align != 0 {
        return Err(format!("padding after the last member ({}-bit words)", platform.word * 8));
    }
    Ok(layout)
}

fn size_and_align(
    ty: &str,
    platform: Platform,
    known: &HashMap<&str, (usize, usize)>,
) -> Result<(usize, usize), String> {
    if ty.ends_with('*') {
        return Ok((platform.word, platform.word));
    }
    Ok(match ty {
        "char" | "uint8_t" => (1, 1),
        "uint32_t" | "int32_t" | "kms_status_t" => (4, 4),
        "uint64_t" | "int64_t" => (8, platform.wide_align),
        "size_t" => (platform.word, platform.word),
        other => *known.get(other).ok_or_else(|| format!("the size of {other} is not known"))?,
    })
}

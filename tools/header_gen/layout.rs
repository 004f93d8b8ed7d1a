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

/// The layout of every struct, in the model's order, for 64 and for 32 bits. An error if a struct has a hole or does
/// not end at its last member, so that a longer struct never hides in padding. For 32 bits this is the layout of
/// platforms that align 8-byte integers to 8 bytes (ARM); without holes there, those that align them to 4 (i386)
/// have the same.
pub fn layouts(model: &Model) -> Result<Vec<(Layout, Layout)>, String> {
    let wide = of_platform(model, 8)?;
    let narrow = of_platform(model, 4)?;
    Ok(wide.into_iter().zip(narrow).collect())
}

/// `word` is the size of a pointer and of size_t.
fn of_platform(model: &Model, word: usize) -> Result<Vec<Layout>, String> {
    let mut known: HashMap<&str, (usize, usize)> = HashMap::new();
    let mut all = Vec::new();
    for (item, members) in model.structs() {
        let layout = of_struct(members, word, &known)
            .map_err(|e| format!("{} ({} bits): {e}", item.name, word * 8))?;
        known.insert(&item.name, (layout.size, layout.align));
        all.push(layout);
    }
    Ok(all)
}

fn of_struct(
    members: &[Variable],
    word: usize,
    known: &HashMap<&str, (usize, usize)>,
) -> Result<Layout, String> {
    let mut layout = Layout { members: Vec::new(), size: 0, align: 1 };
    for member in members {
        let (size, align) = size_and_align(&member.ty, word, known)?;
        if !layout.size.is_multiple_of(align) {
            return Err(format!("a hole of padding before {}", member.name));
        }
        let size = size * member.count.unwrap_or(1);
        layout.members.push(Placed { offset: layout.size, size });
        layout.size += size;
        layout.align = layout.align.max(align);
    }
    if !layout.size.is_multiple_of(layout.align) {
        return Err("padding after the last member".into());
    }
    Ok(layout)
}

fn size_and_align(
    ty: &str,
    word: usize,
    known: &HashMap<&str, (usize, usize)>,
) -> Result<(usize, usize), String> {
    if ty.ends_with('*') {
        return Ok((word, word));
    }
    Ok(match ty {
        "char" | "uint8_t" => (1, 1),
        "uint32_t" | "int32_t" | "kms_status_t" => (4, 4),
        "uint64_t" | "int64_t" => (8, 8),
        "size_t" => (word, word),
        other => *known.get(other).ok_or_else(|| format!("the size of {other} is not known"))?,
    })
}

//! Components and modules made byte by byte, where no tool would write them so.

/// The same component with other bytes: a section of its own says nothing, but is there.
pub fn with_other_bytes(component: &[u8]) -> Vec<u8> {
    let name = b"remark";
    let content = [&[name.len() as u8][..], name].concat();
    [component, &section(0, &content)].concat()
}

/// The same component with further core modules, each of which is instantiated once.
pub fn with_modules(component: &[u8], modules: &[Vec<u8>]) -> Vec<u8> {
    let mut whole = with_idle_modules(component, modules);
    // The guest's own module is the first.
    for index in 1..=modules.len() {
        let instance = [&[1, 0][..], &leb(index), &[0]].concat();
        whole.extend_from_slice(&section(2, &instance));
    }
    whole
}

/// The same component with further core modules, which are compiled and never instantiated.
pub fn with_idle_modules(component: &[u8], modules: &[Vec<u8>]) -> Vec<u8> {
    let sections: Vec<_> = modules.iter().map(|module| section(1, module)).collect();
    [component, &sections.concat()].concat()
}

/// The same component with one inside another inside another, that deep.
pub fn with_nested_components(component: &[u8], depth: usize) -> Vec<u8> {
    let inner = (0..depth).fold(Vec::new(), |inner, _| section(4, &[COMPONENT, &inner].concat()));
    [component, &inner].concat()
}

/// A core module of that many functions of this body, which has no parameters and no result.
pub fn module_of(functions: usize, body: &[u8]) -> Vec<u8> {
    let sized = [&leb(body.len())[..], body].concat();
    let types = section(1, &[1, 0x60, 0, 0]);
    let declared = section(3, &[&leb(functions)[..], &vec![0; functions]].concat());
    let code = section(10, &[&leb(functions)[..], &sized.repeat(functions)].concat());
    [MODULE, &types, &declared, &code].concat()
}

/// A function's body with that many locals and these instructions between its beginning and end.
pub fn body_of(locals: usize, instructions: &[u8]) -> Vec<u8> {
    let locals = match locals {
        0 => vec![0],
        some => [&[1][..], &leb(some), &[0x7f]].concat(),
    };
    [&locals[..], instructions, &[0x0b]].concat()
}

const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(content.len()), content].concat()
}

/// A number as WebAssembly writes it.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

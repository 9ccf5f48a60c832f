//! As much of the Thumb instruction set as it takes to follow calls (Armv7-M Architecture Reference
//! Manual, A5 to A7; Armv6-M is a part of it).

/// What an instruction means for who reaches what.
#[derive(Debug, PartialEq, Eq)]
pub enum Instruction {
    /// A call or a branch to this address.
    Branch(u64),
    /// A call or branch to an address in a register or in memory; returns and jump tables aside.
    Indirect,
    /// An instruction that is never defined.
    Trap,
    /// Anything else.
    Other,
}

/// The instruction at `address` whose half-words are `a` and, if it has two, `b`; and its length in bytes.
pub fn decode(address: u64, a: u16, b: u16) -> (Instruction, u64) {
    if a >> 11 >= 0b11101 {
        (wide(address, a, b), 4)
    } else {
        (narrow(address, a), 2)
    }
}

const LINK: u16 = 14;
const PROGRAM_COUNTER: u16 = 15;

fn narrow(address: u64, a: u16) -> Instruction {
    let from = address as i64 + 4;
    let to = |offset: i64| Instruction::Branch((from + offset) as u64);
    match a {
        // BX, BLX: `bx lr` returns.
        _ if a & 0xff00 == 0x4700 => {
            let is_call = a & 0x80 != 0;
            if !is_call && a >> 3 & 0xf == LINK {
                Instruction::Other
            } else {
                Instruction::Indirect
            }
        }
        _ if a & 0xff00 == 0xde00 => Instruction::Trap,
        // B<c>; condition 15 is SVC.
        _ if a & 0xf000 == 0xd000 && a & 0x0f00 != 0x0f00 => {
            to(i64::from((a & 0xff) as u8 as i8) * 2)
        }
        // B
        _ if a & 0xf800 == 0xe000 => to(signed(u32::from(a & 0x7ff), 11) * 2),
        // CBZ and CBNZ stay in their function.
        _ => Instruction::Other,
    }
}

fn wide(address: u64, a: u16, b: u16) -> Instruction {
    let from = address as i64 + 4;
    if a & 0xf800 == 0xf000 && b & 0x8000 != 0 {
        // Branches and miscellaneous control.
        let s = u32::from(a >> 10 & 1);
        let (j1, j2) = (u32::from(b >> 13 & 1), u32::from(b >> 11 & 1));
        let low = u32::from(b & 0x7ff);
        if b & 0x5000 != 0 {
            // B.W, BL; (bit 12 clear would be BLX to Arm code, which these processors don't have).
            let (i1, i2) = (1 ^ j1 ^ s, 1 ^ j2 ^ s);
            let high = u32::from(a & 0x3ff);
            let offset = s << 23 | i1 << 22 | i2 << 21 | high << 11 | low;
            return Instruction::Branch((from + signed(offset, 24) * 2) as u64);
        }
        if a & 0xfff0 == 0xf7f0 && b & 0xf000 == 0xa000 {
            return Instruction::Trap;
        }
        if a & 0x0380 != 0x0380 {
            // B<c>.W
            let offset = s << 19 | j2 << 18 | j1 << 17 | u32::from(a & 0x3f) << 11 | low;
            return Instruction::Branch((from + signed(offset, 20) * 2) as u64);
        }
        return Instruction::Other;
    }
    // LDR to the program counter. (LDM and POP with it return, TBB and TBH are jump tables.)
    if a & 0xff70 == 0xf850 && b >> 12 == PROGRAM_COUNTER {
        let pops = a & 0xf == 13;
        return if pops {
            Instruction::Other
        } else {
            Instruction::Indirect
        };
    }
    Instruction::Other
}

fn signed(value: u32, bits: u32) -> i64 {
    i64::from((value << (32 - bits)) as i32 >> (32 - bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodings as GNU as gives them.
    #[test]
    fn branches_go_where_the_assembler_sent_them() {
        // 1000: bl 1234 → f000 f918
        assert_eq!(
            decode(0x1000, 0xf000, 0xf918),
            (Instruction::Branch(0x1234), 4)
        );
        // 1000: bl ffc → f7ff fffc
        assert_eq!(
            decode(0x1000, 0xf7ff, 0xfffc),
            (Instruction::Branch(0xffc), 4)
        );
        // 1000: b.w 800 → f7ff bbfe
        assert_eq!(
            decode(0x1000, 0xf7ff, 0xbbfe),
            (Instruction::Branch(0x800), 4)
        );
        // 1000: beq.w 1400 → f000 81fe
        assert_eq!(
            decode(0x1000, 0xf000, 0x81fe),
            (Instruction::Branch(0x1400), 4)
        );
        // 1000: b.n 1010 → e006; bne.n ff0 → d1f6
        assert_eq!(decode(0x1000, 0xe006, 0), (Instruction::Branch(0x1010), 2));
        assert_eq!(decode(0x1000, 0xd1f6, 0), (Instruction::Branch(0xff0), 2));
    }

    #[test]
    fn returns_are_no_calls_and_calls_through_registers_are_seen() {
        // bx lr, blx r3, bx r2, udf #1, udf.w #0
        assert_eq!(decode(0, 0x4770, 0), (Instruction::Other, 2));
        assert_eq!(decode(0, 0x4798, 0), (Instruction::Indirect, 2));
        assert_eq!(decode(0, 0x4710, 0), (Instruction::Indirect, 2));
        assert_eq!(decode(0, 0xde01, 0), (Instruction::Trap, 2));
        assert_eq!(decode(0, 0xf7f0, 0xa000), (Instruction::Trap, 4));
        // ldr pc, [r0]; pop.w {pc} is ldr pc, [sp], #4
        assert_eq!(decode(0, 0xf8d0, 0xf000), (Instruction::Indirect, 4));
        assert_eq!(decode(0, 0xf85d, 0xfb04), (Instruction::Other, 4));
    }
}

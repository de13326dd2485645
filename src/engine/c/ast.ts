/**
 * The typed AST: what the checker hands to codegen. Everything implicit in C is explicit here: every conversion is a
 * `cast` node, every load an `lvalueToRvalue` cast, `p->f` is `(*p).f`, anonymous members are spelled out, constant
 * expressions are folded to `int` nodes, `sizeof`, `_Generic`, `__builtin_choose_expr`... are gone.
 * A unit with errors among its diagnostics may contain `error` nodes and must not be compiled further.
 */
import type { CType, EnumType, Field, FunctionType, IntType, TypedefType, RecordType } from './types.ts';
import type { SourceRange } from '../../base/index.ts';

/**
 * A place in the sources: opaque, as it may lie within a macro expansion. Ask `unit.sources`.
 * 0 = nowhere (synthesised).
 */
export type Loc = number;

/** Answers what a `Loc` means. */
export interface SourceMap {
  /** The file, line, column (from 1) that a debugger shows: for macro expansions where the outermost macro is invoked. */
  position(loc: Loc): { readonly file: string; readonly line: number; readonly column: number };
  /** From the first character of the token at `begin` to after the last of the token at `last`. */
  range(begin: Loc, last: Loc): SourceRange;
  /** Text of the whole line, for `.BTF.ext` line records; '' when unknown. */
  lineText(file: string, line: number): string;
}

export interface Node {
  /** First token. */
  readonly loc: Loc;
  /** Last token. */
  readonly end: Loc;
}

// ---------------------------------------------------------------- declarations

export interface Attributes {
  /** `SEC("...")`, null when none. */
  readonly section: string | null;
  /** The string in `SEC(...)`, 0 when none. */
  readonly sectionLoc: Loc;
  readonly alwaysInline: boolean;
  readonly noInline: boolean;
  readonly weak: boolean;
  readonly used: boolean;
  readonly unused: boolean;
  readonly hidden: boolean;
  readonly noReturn: boolean;
  /** An `extern inline` definition with it is for inlining alone. */
  readonly gnuInline: boolean;
  readonly naked: boolean;
  /** `error("...")`: a call that is not optimised away is an error, with this text. */
  readonly error: string | null;
  /** Bytes, 0 = the type's own. */
  readonly aligned: number;
  readonly packed: boolean;
  readonly preserveAccessIndex: boolean;
  /** Name in `cleanup(name)`; see `VarDecl.cleanup`. */
  readonly cleanup: string | null;
  /** `btf_decl_tag("...")` in source order. */
  readonly declTags: readonly string[];
}

/** A variable of any storage. Identity is the object. */
export interface VarDecl extends Node {
  readonly kind: 'var';
  readonly name: string;
  readonly type: CType;
  /** Where the name stands. */
  readonly nameLoc: Loc;
  /**
   * auto: a local on the stack. static: internal linkage or a static local (see `owner`). global: external linkage,
   * defined here. extern: declared only (`__ksym`, `__kconfig`, another object).
   */
  readonly storage: 'auto' | 'static' | 'global' | 'extern';
  readonly attributes: Attributes;
  /** For `auto` storage: what to evaluate on declaration; null = uninitialised. */
  readonly init: Initializer | null;
  /** For `static` and `global` storage: the initial image; null = all zero (bss). */
  readonly image: StaticImage | null;
  /** The function of a static local or of a local, else null. */
  readonly owner: FunctionDecl | null;
  readonly referenced: boolean;
  /** `&v` is taken, or it is an aggregate used by reference: it needs memory. */
  readonly addressTaken: boolean;
  /** Called with `&v` whenever control leaves the scope of the variable (open-coded iterators use it). */
  readonly cleanup: FunctionDecl | null;
  /** Made by the checker for a compound literal or a string; the name is then '' . */
  readonly synthetic: boolean;
}

export interface ParamDecl extends Node {
  readonly kind: 'param';
  /** '' when unnamed. */
  readonly name: string;
  /** Arrays and functions already decayed. */
  readonly type: CType;
  readonly nameLoc: Loc;
  readonly index: number;
  readonly attributes: Attributes;
  readonly referenced: boolean;
  readonly addressTaken: boolean;
}

export interface FunctionDecl extends Node {
  readonly kind: 'function';
  readonly name: string;
  readonly type: FunctionType;
  readonly nameLoc: Loc;
  readonly params: readonly ParamDecl[];
  /** `static` (internal), `global` (external), for declarations without body too. */
  readonly linkage: 'static' | 'global';
  readonly inline: boolean;
  readonly attributes: Attributes;
  /** Null for a declaration only (kfunc with `section` '.ksyms', or another object's function). */
  readonly body: CompoundStmt | null;
  /** The sugar types in which the declaration was written, for BTF. Same as `type`. */
  readonly referenced: boolean;
  /** Its address is used other than for a direct call (callbacks). */
  readonly addressTaken: boolean;
  /** There are errors in its body: it cannot be compiled. */
  readonly broken: boolean;
  /** A header's inline function that computes with floating point: as good as not there, until somebody calls it. */
  readonly floating: boolean;
}

export interface TranslationUnit {
  readonly file: string;
  readonly sources: SourceMap;
  /** In order of definition; also declarations that are referenced. */
  readonly functions: readonly FunctionDecl[];
  /** Globals, statics, static locals and referenced externs, in order of declaration. */
  readonly variables: readonly VarDecl[];
  /** Named types defined in C source, in order (for tools; codegen emits only what is used). */
  readonly types: readonly (RecordType | EnumType | TypedefType)[];
  /** Files read, resolved paths, main file first; `vmlinux.h` when virtual. */
  readonly files: readonly string[];
}

// ---------------------------------------------------------------- initialisers

/**
 * Of an automatic object. An aggregate is zero-filled first, then each entry is stored, in order (later entries may
 * overwrite earlier ones, as designators can).
 */
export type Initializer =
  | { readonly kind: 'expr'; readonly expr: Expr }
  | { readonly kind: 'aggregate'; readonly type: CType; readonly entries: readonly InitEntry[] };

export interface InitEntry {
  /** Bytes from the start of the whole object; for a bitfield, of the byte where `bitOffset` counts from (= floor). */
  readonly offset: number;
  /** Set when the target is a bitfield: `bitOffset` from the start of the whole object. */
  readonly bitfield: { readonly bitOffset: number; readonly bitSize: number } | null;
  readonly type: CType;
  /** Converted to `type`; a `string` node when a char array is initialised by a literal (shorter ones: zero-filled). */
  readonly value: Expr;
}

/** The bytes of an object with static storage and the addresses to be filled in by the linker/loader. */
export interface StaticImage {
  /** Length = object size (may exceed sizeof(type) when a flexible array member is initialised). */
  readonly bytes: Uint8Array;
  readonly relocs: readonly StaticReloc[];
}

export interface StaticReloc {
  readonly offset: number;
  readonly target: VarDecl | FunctionDecl | StringExpr;
  readonly addend: number;
}

// ---------------------------------------------------------------- expressions

interface ExprBase extends Node {
  readonly type: CType;
}

/** An integer (or enum, bool, or null-pointer/pointer-from-integer) constant, in the range of its type. */
export interface IntExpr extends ExprBase {
  readonly kind: 'int';
  readonly value: bigint;
  /** When written as one enumerator: for `__builtin_preserve_enum_value` and hovers. */
  readonly enumerator?: { readonly enum: EnumType; readonly name: string };
}

/** A string literal, an l-value of type `char[n]`; `bytes` includes the terminating NUL. */
export interface StringExpr extends ExprBase {
  readonly kind: 'string';
  readonly bytes: Uint8Array;
}

/** L-value. */
export interface VarExpr extends ExprBase {
  readonly kind: 'var';
  readonly decl: VarDecl | ParamDecl;
}

/** A function designator (becomes a pointer through a `functionDecay` cast unless called directly). */
export interface FunctionExpr extends ExprBase {
  readonly kind: 'function';
  readonly decl: FunctionDecl;
}

/** L-value: what the pointer points to. */
export interface DerefExpr extends ExprBase {
  readonly kind: 'deref';
  readonly pointer: Expr;
}

/** L-value: `base.field` where base is an l-value (or an r-value struct: a call's or conditional's result). */
export interface MemberExpr extends ExprBase {
  readonly kind: 'member';
  readonly base: Expr;
  readonly field: Field;
  /** This access needs a CO-RE relocation: its record is preserve_access_index. */
  readonly preserve: boolean;
}

/** L-value: `pointer[index]`. `pointer` is an r-value pointer, often an `arrayDecay` of an array l-value. */
export interface IndexExpr extends ExprBase {
  readonly kind: 'index';
  readonly pointer: Expr;
  /** Converted to `long` or `unsigned long`. */
  readonly index: Expr;
}

export interface AddressExpr extends ExprBase {
  readonly kind: 'address';
  /** An l-value or a `function` node. */
  readonly operand: Expr;
}

/** `-` `~` on the promoted type; `!` gives int 0/1 of any scalar. */
export interface UnaryExpr extends ExprBase {
  readonly kind: 'unary';
  readonly op: '-' | '~' | '!';
  readonly operand: Expr;
}

/** `++`/`--` on a scalar l-value (pointers step by element size). */
export interface IncDecExpr extends ExprBase {
  readonly kind: 'incdec';
  readonly op: '++' | '--';
  readonly prefix: boolean;
  readonly operand: Expr;
}

export type ArithOp = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^' | '<<' | '>>';
export type CompareOp = '==' | '!=' | '<' | '>' | '<=' | '>=';

/** Integer arithmetic; both operands have the type of the result (shifts: the right operand keeps its own promoted type). */
export interface BinaryExpr extends ExprBase {
  readonly kind: 'binary';
  readonly op: ArithOp;
  readonly left: Expr;
  readonly right: Expr;
}

/** Result int 0/1. Operands have one common type (integers, or pointers; pointers compare unsigned). */
export interface CompareExpr extends ExprBase {
  readonly kind: 'compare';
  readonly op: CompareOp;
  readonly left: Expr;
  readonly right: Expr;
}

/** Short-circuit, result int 0/1; operands any scalar, true when non-zero. */
export interface LogicalExpr extends ExprBase {
  readonly kind: 'logical';
  readonly op: '&&' | '||';
  readonly left: Expr;
  readonly right: Expr;
}

/** `pointer + index` (or minus) in elements of `elementSize` bytes; index is 64 bit. */
export interface PointerAddExpr extends ExprBase {
  readonly kind: 'pointerAdd';
  readonly pointer: Expr;
  readonly index: Expr;
  readonly elementSize: number;
  readonly subtract: boolean;
}

/** `left - right` in elements, type long. */
export interface PointerDiffExpr extends ExprBase {
  readonly kind: 'pointerDiff';
  readonly left: Expr;
  readonly right: Expr;
  readonly elementSize: number;
}

/** `target = value`, value converted to the target's type; the result is the r-value stored. Structs too. */
export interface AssignExpr extends ExprBase {
  readonly kind: 'assign';
  readonly target: Expr;
  readonly value: Expr;
}

/**
 * `target op= value`. The target is loaded once, converted to `computeType`, combined with `value` (of `computeType`,
 * shifts: of its own type), and converted back. For pointers `computeType` is the pointer type, `value` is a 64-bit
 * index and `elementSize` is not 0.
 */
export interface CompoundAssignExpr extends ExprBase {
  readonly kind: 'compoundAssign';
  readonly op: ArithOp;
  readonly target: Expr;
  readonly value: Expr;
  readonly computeType: CType;
  readonly elementSize: number;
}

/** `cond ? then : else`, both converted to `type` (which may be void or a record). */
export interface ConditionalExpr extends ExprBase {
  readonly kind: 'conditional';
  readonly cond: Expr;
  readonly then: Expr;
  readonly else: Expr;
}

/** `value ?: otherwise`: `value` is evaluated once; when non-zero the result is `value` converted to `type` by `cast`. */
export interface ElvisExpr extends ExprBase {
  readonly kind: 'elvis';
  readonly value: Expr;
  readonly cast: CastKind;
  readonly otherwise: Expr;
}

export interface CommaExpr extends ExprBase {
  readonly kind: 'comma';
  readonly left: Expr;
  readonly right: Expr;
}

/**
 * lvalueToRvalue: a load (of a bitfield too). arrayDecay/functionDecay: address of the l-value.
 * integral: between integer types (sign/zero extension by the source type, or truncation). toBool: scalar != 0.
 * pointerToInt/intToPointer: 64-bit reinterpretation, the integer side is first/then integral-converted as its type
 * says. bitcast: pointer to pointer. noop: same representation (qualifiers, enum <-> underlying). toVoid: discard.
 */
export type CastKind =
  | 'lvalueToRvalue'
  | 'arrayDecay'
  | 'functionDecay'
  | 'integral'
  | 'toBool'
  | 'pointerToInt'
  | 'intToPointer'
  | 'bitcast'
  | 'noop'
  | 'toVoid';

export interface CastExpr extends ExprBase {
  readonly kind: 'cast';
  readonly cast: CastKind;
  readonly operand: Expr;
  /** Written in the source. */
  readonly explicit: boolean;
}

/**
 * helper: a BPF helper by number (a `static ret (*const name)(...) = (void *)id` of bpf_helper_defs.h, or any call
 * through a constant integer address). function: a direct call. indirect: through a pointer value.
 */
export type CallTarget =
  | { readonly kind: 'function'; readonly decl: FunctionDecl }
  | { readonly kind: 'helper'; readonly id: number; readonly name: string }
  | { readonly kind: 'indirect'; readonly pointer: Expr };

/** Arguments are converted to the parameter types (default promotions where unprototyped or variadic). */
export interface CallExpr extends ExprBase {
  readonly kind: 'call';
  readonly target: CallTarget;
  readonly signature: FunctionType;
  readonly args: readonly Expr[];
}

export type BuiltinName =
  // memory: args (dst, src|value, size), `size` an int constant when it is known; result the dst pointer (memcmp: int)
  | 'memcpy'
  | 'memmove'
  | 'memset'
  | 'memcmp'
  | 'strlen'
  | 'strcmp'
  // one integer argument, result type given by the node
  | 'bswap16'
  | 'bswap32'
  | 'bswap64'
  | 'ctz'
  | 'clz'
  | 'ffs'
  | 'popcount'
  | 'abs'
  // no arguments
  | 'unreachable'
  | 'trap'
  // (value, expected): value, with a hint
  | 'expect'
  // not known at parse time to be constant: codegen folds to 1 when its operand is constant after optimisation
  | 'constant_p'
  // atomics: args[0] is a pointer to the object (4 or 8 bytes, or smaller for load/store); the result type is the object's
  | 'fetch_add'
  | 'fetch_sub'
  | 'fetch_and'
  | 'fetch_or'
  | 'fetch_xor'
  | 'add_fetch'
  | 'sub_fetch'
  | 'and_fetch'
  | 'or_fetch'
  | 'xor_fetch'
  // (pointer, new): old
  | 'exchange'
  // (pointer, expected, new): old
  | 'val_compare_and_swap'
  // (pointer, expected, new): bool
  | 'bool_compare_and_swap'
  // __atomic_compare_exchange_n(pointer, &expected, new): bool, writes the old value to *expected on failure
  | 'compare_exchange'
  | 'atomic_load'
  | 'atomic_store'
  | 'fence'
  // the stack pointer of the frame (level constant 0)
  | 'frame_address';

/** A lowered builtin; what can be folded at parse time never gets here. */
export interface BuiltinExpr extends ExprBase {
  readonly kind: 'builtin';
  readonly name: BuiltinName;
  readonly args: readonly Expr[];
}

/** `__builtin_preserve_access_index(operand)`: all record accesses inside get CO-RE relocations. */
export interface PreserveAccessExpr extends ExprBase {
  readonly kind: 'preserveAccess';
  readonly operand: Expr;
}

/** `__builtin_preserve_field_info(lvalue, info)`; info as in clang: 0 byte offset, 1 byte size, 2 exists, 3 signed, 4 lshift, 5 rshift. */
export interface CoreFieldInfoExpr extends ExprBase {
  readonly kind: 'coreFieldInfo';
  /** The l-value: `member`/`index`/`deref` chain, not evaluated. */
  readonly field: Expr;
  readonly info: number;
}

/** `__builtin_preserve_type_info(*(T *)0, info)`: 0 exists, 1 size, 2 matches. Type unsigned int. */
export interface CoreTypeInfoExpr extends ExprBase {
  readonly kind: 'coreTypeInfo';
  readonly target: CType;
  readonly info: number;
}

/** `__builtin_preserve_enum_value(*(T *)ENUMERATOR, info)`: 0 exists, 1 value. Type unsigned long long. */
export interface CoreEnumValueExpr extends ExprBase {
  readonly kind: 'coreEnumValue';
  /** As written: an enum or a typedef of one. */
  readonly target: CType;
  readonly enumerator: string;
  /** Value at compile time. */
  readonly value: bigint;
  readonly info: number;
}

/** `__builtin_btf_type_id(*(T *)0, flag)`: 0 local id, 1 target id. */
export interface BtfTypeIdExpr extends ExprBase {
  readonly kind: 'btfTypeId';
  readonly target: CType;
  readonly flag: number;
}

/** `({ ... })`; the value is that of the last expression statement (null when void). */
export interface StatementExpr extends ExprBase {
  readonly kind: 'statementExpr';
  /** All statements but the one that gives the value. */
  readonly body: readonly Stmt[];
  readonly result: Expr | null;
}

/** L-value. `variable` is synthetic; automatic ones are initialised each time the expression is evaluated. */
export interface CompoundLiteralExpr extends ExprBase {
  readonly kind: 'compoundLiteral';
  readonly variable: VarDecl;
}

/** Stands where something could not be checked; a diagnostic says why. */
export interface ErrorExpr extends ExprBase {
  readonly kind: 'error';
}

export type Expr =
  | IntExpr
  | StringExpr
  | VarExpr
  | FunctionExpr
  | DerefExpr
  | MemberExpr
  | IndexExpr
  | AddressExpr
  | UnaryExpr
  | IncDecExpr
  | BinaryExpr
  | CompareExpr
  | LogicalExpr
  | PointerAddExpr
  | PointerDiffExpr
  | AssignExpr
  | CompoundAssignExpr
  | ConditionalExpr
  | ElvisExpr
  | CommaExpr
  | CastExpr
  | CallExpr
  | BuiltinExpr
  | PreserveAccessExpr
  | CoreFieldInfoExpr
  | CoreTypeInfoExpr
  | CoreEnumValueExpr
  | BtfTypeIdExpr
  | StatementExpr
  | CompoundLiteralExpr
  | ErrorExpr;

// ---------------------------------------------------------------- statements

export interface CompoundStmt extends Node {
  readonly kind: 'compound';
  readonly body: readonly Stmt[];
}

/** Automatic variables; static locals are in `unit.variables` only. */
export interface DeclStmt extends Node {
  readonly kind: 'decl';
  readonly vars: readonly VarDecl[];
}

export interface ExprStmt extends Node {
  readonly kind: 'expr';
  readonly expr: Expr;
}

export interface IfStmt extends Node {
  readonly kind: 'if';
  /** Any scalar: true when non-zero. */
  readonly cond: Expr;
  readonly then: Stmt;
  readonly else: Stmt | null;
}

/** full: `#pragma unroll`; a number: `#pragma unroll N`; disable: `#pragma nounroll`. */
export type UnrollHint = 'none' | 'full' | 'disable' | number;

export interface WhileStmt extends Node {
  readonly kind: 'while';
  readonly cond: Expr;
  readonly body: Stmt;
  readonly unroll: UnrollHint;
}

export interface DoStmt extends Node {
  readonly kind: 'do';
  readonly body: Stmt;
  readonly cond: Expr;
  readonly unroll: UnrollHint;
}

export interface ForStmt extends Node {
  readonly kind: 'for';
  /** A `decl` or `expr` statement (or `compound` of several declarations), or null. */
  readonly init: Stmt | null;
  readonly cond: Expr | null;
  readonly step: Expr | null;
  readonly body: Stmt;
  readonly unroll: UnrollHint;
}

export interface SwitchStmt extends Node {
  readonly kind: 'switch';
  /** Promoted integer. */
  readonly cond: Expr;
  readonly body: Stmt;
  /** Every case label inside, in source order (the same objects as in the body). */
  readonly cases: readonly CaseStmt[];
  readonly defaultCase: DefaultStmt | null;
}

/** `case low ... high:`; values already converted to the type of the switch. */
export interface CaseStmt extends Node {
  readonly kind: 'case';
  readonly low: bigint;
  readonly high: bigint;
  readonly body: Stmt;
}

export interface DefaultStmt extends Node {
  readonly kind: 'default';
  readonly body: Stmt;
}

export interface LabelStmt extends Node {
  readonly kind: 'label';
  readonly name: string;
  readonly body: Stmt;
}

export interface GotoStmt extends Node {
  readonly kind: 'goto';
  readonly label: string;
}

export interface BreakStmt extends Node {
  readonly kind: 'break';
}

export interface ContinueStmt extends Node {
  readonly kind: 'continue';
}

/** `value` is converted to the function's return type. */
export interface ReturnStmt extends Node {
  readonly kind: 'return';
  readonly value: Expr | null;
}

export interface EmptyStmt extends Node {
  readonly kind: 'empty';
}

export interface AsmOperand {
  /** Symbolic name of `[name]`, or ''. */
  readonly name: string;
  /** e.g. "=r", "+r", "r", "i", "=m", "0". */
  readonly constraint: string;
  /** Outputs: an l-value. Inputs: an r-value. */
  readonly expr: Expr;
}

export interface AsmStmt extends Node {
  readonly kind: 'asm';
  readonly volatile: boolean;
  readonly goto: boolean;
  readonly template: string;
  readonly outputs: readonly AsmOperand[];
  readonly inputs: readonly AsmOperand[];
  readonly clobbers: readonly string[];
  readonly labels: readonly string[];
}

export type Stmt =
  | CompoundStmt
  | DeclStmt
  | ExprStmt
  | IfStmt
  | WhileStmt
  | DoStmt
  | ForStmt
  | SwitchStmt
  | CaseStmt
  | DefaultStmt
  | LabelStmt
  | GotoStmt
  | BreakStmt
  | ContinueStmt
  | ReturnStmt
  | EmptyStmt
  | AsmStmt;

/** Whether the expression designates an object in memory. */
export function isLvalue(e: Expr): boolean {
  switch (e.kind) {
    case 'var':
    case 'string':
    case 'deref':
    case 'index':
    case 'compoundLiteral':
      return true;
    case 'member':
      return isLvalue(e.base);
    case 'preserveAccess':
      return isLvalue(e.operand);
    default:
      return false;
  }
}

/** Integer value of a constant node, undefined for anything else. */
export const constantOf = (e: Expr): bigint | undefined => (e.kind === 'int' ? e.value : undefined);

export type { CType, Field, FunctionType, IntType, RecordType };

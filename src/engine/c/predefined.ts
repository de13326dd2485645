/** The macros that clang-19 has for `-target bpf -O2` (the data model, language level, compiler identity), and dynamic ones. */
import type { Context } from './context.ts';
import type { FrontEndInput } from './front-end.ts';
import { lex } from './lexer.ts';
import type { Macro, Place } from './macros.ts';
import type { Preprocessor } from './preprocessor.ts';
import { PUNCTUATORS, T, type Token } from './tokens.ts';
import { pointerTo, VOID } from './types.ts';

const PREDEFINED: Record<string, string> = {
  __bpf__: '1', __BPF__: '1', __clang__: '1', __clang_major__: '19', __clang_minor__: '1', __clang_patchlevel__: '7',
  __clang_version__: '"19.1.7"', __GNUC__: '4', __GNUC_MINOR__: '2', __GNUC_PATCHLEVEL__: '1', __GNUC_STDC_INLINE__: '1',
  __VERSION__: '"LSMith"', __lsmith__: '1', __STDC__: '1', __STDC_VERSION__: '201710L', __STDC_HOSTED__: '1', __OPTIMIZE__: '1',
  __CHAR_BIT__: '8', __LP64__: '1', _LP64: '1', __ELF__: '1', __LITTLE_ENDIAN__: '1', __ORDER_LITTLE_ENDIAN__: '1234',
  __ORDER_BIG_ENDIAN__: '4321', __ORDER_PDP_ENDIAN__: '3412', __BYTE_ORDER__: '1234',
  __SIZEOF_SHORT__: '2', __SIZEOF_INT__: '4', __SIZEOF_LONG__: '8', __SIZEOF_LONG_LONG__: '8', __SIZEOF_POINTER__: '8',
  __SIZEOF_SIZE_T__: '8', __SIZEOF_PTRDIFF_T__: '8', __SIZEOF_INT128__: '16', __SIZEOF_WCHAR_T__: '4',
  __SCHAR_MAX__: '127', __SHRT_MAX__: '32767', __INT_MAX__: '2147483647', __LONG_MAX__: '9223372036854775807L',
  __LONG_LONG_MAX__: '9223372036854775807LL', __SIZE_MAX__: '18446744073709551615UL', __UINTPTR_MAX__: '18446744073709551615UL',
  __INTPTR_MAX__: '9223372036854775807L', __PTRDIFF_MAX__: '9223372036854775807L',
  __SIZE_TYPE__: 'long unsigned int', __PTRDIFF_TYPE__: 'long int', __WCHAR_TYPE__: 'int', __INTPTR_TYPE__: 'long int',
  __UINTPTR_TYPE__: 'long unsigned int', __INTMAX_TYPE__: 'long int', __UINTMAX_TYPE__: 'long unsigned int',
  __INT8_TYPE__: 'signed char', __INT16_TYPE__: 'short', __INT32_TYPE__: 'int', __INT64_TYPE__: 'long int',
  __UINT8_TYPE__: 'unsigned char', __UINT16_TYPE__: 'unsigned short', __UINT32_TYPE__: 'unsigned int',
  __UINT64_TYPE__: 'long unsigned int', __INT8_MAX__: '127', __INT16_MAX__: '32767', __INT32_MAX__: '2147483647',
  __INT64_MAX__: '9223372036854775807L', __UINT8_MAX__: '255', __UINT16_MAX__: '65535', __UINT32_MAX__: '4294967295U',
  __UINT64_MAX__: '18446744073709551615UL', __GCC_HAVE_SYNC_COMPARE_AND_SWAP_4: '1', __GCC_HAVE_SYNC_COMPARE_AND_SWAP_8: '1',
  __ATOMIC_RELAXED: '0', __ATOMIC_CONSUME: '1', __ATOMIC_ACQUIRE: '2', __ATOMIC_RELEASE: '3', __ATOMIC_ACQ_REL: '4',
  __ATOMIC_SEQ_CST: '5', __BPF_CPU_VERSION__: '3', __BPF_FEATURE_JMP_EXT: '1', __BPF_FEATURE_JMP32: '1', __BPF_FEATURE_ALU32: '1',
  __BPF_FEATURE_MAY_GOTO: '1', __TARGET_ARCH_x86: '1',
}; // prettier-ignore

/** What every file starts with. */
export function declareStandard(pp: Preprocessor, cx: Context, input: FrontEndInput): void {
  definePredefined(pp, input.target.defines ?? {});
  declareVaList(cx);
}

/** The genuine vmlinux.h mentions the type; nothing can be done with it. */
function declareVaList(cx: Context): void {
  const name = '__builtin_va_list';
  const target = pointerTo(VOID);
  cx.fileScope.symbols.set(name, {
    kind: 'typedef',
    type: { kind: 'typedef', name, target, preserveAccessIndex: false, origin: 'source', btfId: 0, declTags: [] },
    nameLoc: 0,
  });
}

export function definePredefined(pp: Preprocessor, defines: Readonly<Record<string, string>>): void {
  const { idents } = pp.cache;
  const add = (name: string, macro: Partial<Macro> & Pick<Macro, 'makeBody'>): void => {
    const id = idents.intern(name);
    pp.macros.set(id, { name, id, loc: 0, params: null, variadic: false, body: null, disabled: false, ...macro });
  };
  for (const [name, text] of [...Object.entries(PREDEFINED), ...Object.entries(defines)]) {
    add(name, {
      makeBody: () => {
        const b = lex(text, idents);
        const out: Token[] = [];
        for (let i = 0; i < b.count - 1; i++) {
          const kind = b.kind[i]!;
          const spelled = kind >= T.LParen ? PUNCTUATORS[kind]! : text.slice(b.start[i], b.end[i]);
          out.push({ kind, text: spelled, id: b.id[i]!, loc: 0, flags: b.flags[i]! & 2 });
        }
        return out;
      },
    });
  }
  const token = (at: Token, kind: number, text: string): Token => ({ kind, text, id: 0, loc: at.loc, flags: at.flags });
  const dynamic = (name: string, make: (at: Token, place: Place) => Token): void =>
    add(name, { makeBody: () => [], dynamic: make });
  dynamic('__LINE__', (at, place) => token(at, T.Number, String(place.sources.presumedPosition(at.loc).line)));
  dynamic('__FILE__', (at, place) => token(at, T.String, JSON.stringify(place.sources.presumedPosition(at.loc).file)));
  dynamic('__FILE_NAME__', (at, place) =>
    token(at, T.String, JSON.stringify(place.sources.presumedPosition(at.loc).file.replace(/^.*\//, ''))),
  );
  dynamic('__BASE_FILE__', (at, place) => token(at, T.String, JSON.stringify(place.sources.files[0]!.name)));
  dynamic('__COUNTER__', (at, place) => token(at, T.Number, String(place.counter++)));
  dynamic('__INCLUDE_LEVEL__', (at, place) => token(at, T.Number, String(place.cursors.length - 1)));
  // A build is a function of its inputs: no clock.
  dynamic('__DATE__', (at) => token(at, T.String, '"Jan  1 1970"'));
  dynamic('__TIME__', (at) => token(at, T.String, '"00:00:00"'));
}

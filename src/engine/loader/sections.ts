/** SEC() names: what kind of program a section holds (libbpf's section table, as far as LSMith attaches programs). */
import type { SectionSpec } from './opened.ts';
import type { ProgType } from './types.ts';

const TYPES: Readonly<Record<string, { readonly progType: ProgType; readonly sleepable: boolean }>> = {
  lsm: { progType: 'lsm', sleepable: false },
  'lsm.s': { progType: 'lsm', sleepable: true },
  lsm_cgroup: { progType: 'lsm_cgroup', sleepable: false },
  fentry: { progType: 'fentry', sleepable: false },
  'fentry.s': { progType: 'fentry', sleepable: true },
  fexit: { progType: 'fexit', sleepable: false },
  'fexit.s': { progType: 'fexit', sleepable: true },
  fmod_ret: { progType: 'fmod_ret', sleepable: false },
  'fmod_ret.s': { progType: 'fmod_ret', sleepable: true },
};

/** First words of sections that libbpf knows and LSMith does not model. */
const OTHERS = new Set([
  'action',
  'cgroup',
  'cgroup_skb',
  'classifier',
  'fentry.multi',
  'fentry.multi.s',
  'fexit.multi',
  'fexit.multi.s',
  'flow_dissector',
  'freplace',
  'fsession',
  'fsession.s',
  'iter',
  'iter.s',
  'kprobe',
  'kprobe.multi',
  'kprobe.session',
  'kretprobe',
  'kretprobe.multi',
  'ksyscall',
  'kretsyscall',
  'lirc_mode2',
  'lwt_in',
  'lwt_out',
  'lwt_seg6local',
  'lwt_xmit',
  'netfilter',
  'netkit',
  'perf_event',
  'raw_tp',
  'raw_tp.w',
  'raw_tracepoint',
  'raw_tracepoint.w',
  'sk_lookup',
  'sk_msg',
  'sk_reuseport',
  'sk_skb',
  'socket',
  'sockops',
  'struct_ops',
  'struct_ops.s',
  'syscall',
  'tc',
  'tcx',
  'tp',
  'tp_btf',
  'tracepoint',
  'uprobe',
  'uprobe.s',
  'uprobe.multi',
  'uprobe.multi.s',
  'uprobe.session',
  'uretprobe',
  'uretprobe.s',
  'uretprobe.multi',
  'uretprobe.multi.s',
  'usdt',
  'usdt.s',
  'xdp',
  'xdp.frags',
]);

export type ParsedSection =
  | { readonly kind: 'known'; readonly autoload: boolean; readonly spec: SectionSpec }
  /** A program type that exists and is not modelled. */
  | { readonly kind: 'other'; readonly word: string }
  | { readonly kind: 'unknown' };

export function parseSectionName(section: string): ParsedSection {
  const autoload = !section.startsWith('?');
  const name = autoload ? section : section.slice(1);
  const slash = name.indexOf('/');
  const word = slash < 0 ? name : name.slice(0, slash);
  const type = Object.hasOwn(TYPES, word) ? TYPES[word] : undefined;
  if (type !== undefined) {
    return { kind: 'known', autoload, spec: { ...type, target: slash < 0 ? null : name.slice(slash + 1) } };
  }
  return OTHERS.has(word) ? { kind: 'other', word } : { kind: 'unknown' };
}

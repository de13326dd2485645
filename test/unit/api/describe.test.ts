import { expect, test } from 'vitest';
import { bench } from './support.ts';

const { engine } = bench();

test('helpers say their number, prototype and who may call them', () => {
  const find = (name: string) => engine.helpers('6.12').find((h) => h.name === name);
  expect(find('bpf_map_lookup_elem')).toEqual({
    id: 1,
    name: 'bpf_map_lookup_elem',
    prototype: 'void *bpf_map_lookup_elem(void *map, const void *key)',
    lsm: 'all',
  });
  expect(find('bpf_copy_from_user')?.lsm).toBe('sleepable');
  expect(find('bpf_skb_store_bytes')?.lsm).toBe('none');
});

test('types of the kernel are defined with offsets, unknown ones are not', () => {
  const cred = engine.typeDefinition('cred', '6.12');
  expect(cred).toMatch(/^struct cred \{/);
  expect(cred).toMatch(/kuid_t\s+uid;/);
  expect(engine.typeDefinition('pid_t', '6.12')).toMatch(/^typedef .*pid_t;/);
  expect(engine.typeDefinition('no_such_type', '6.12')).toBeNull();
});

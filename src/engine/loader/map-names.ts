/** What the kernel calls the maps of an object: up to 15 characters, chosen by libbpf (internal_map_name() for global data). */
import type { LoadedObject, MapDef } from './types.ts';

const NAME_LENGTH = 16;

/** The object's name as libbpf takes it from the file's: without folder, up to the first dot. */
const objectName = (name: string): string => (name.split('/').pop() ?? '').split('.')[0];

function dataName(object: string, section: string): string {
  const suffix = Math.min(Math.max(7, section.length), NAME_LENGTH - 1);
  // `.rodata.str` and the like are names of their own.
  const prefix = section.lastIndexOf('.') > 0 ? 0 : NAME_LENGTH - suffix - 1;
  const name = objectName(object).slice(0, prefix) + section.slice(0, suffix);
  return name.replace(/[^\w.]/g, '_');
}

/** Names by index of the map. Templates of maps of maps have none: that is what a map looked up in one is known as. */
export function kernelMapNames(obj: Pick<LoadedObject, 'name' | 'maps'>): readonly string[] {
  const templates = new Set(obj.maps.map((m) => m.innerMap));
  const nameOf = (m: MapDef): string =>
    templates.has(m.index)
      ? ''
      : m.section === undefined
        ? m.name.slice(0, NAME_LENGTH - 1)
        : dataName(obj.name, m.name);
  return obj.maps.map(nameOf);
}

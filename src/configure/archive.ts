import type { Config } from '../core/config.ts'
import { archiveTarget } from '../core/lanes.ts'
import type { Source, Target } from '../core/resolved-config.ts'

/**
 * Makes the archive, where the config has it switched on, a target of every source, whatever its `to` names.
 *
 * @param config with `archive`
 * @param targets gets the archive, behind all others
 * @param sources are replaced by those that have it
 */
export function addArchive(
  { archive = false }: Config,
  targets: Map<string, Target>,
  sources: Map<string, Source>,
): void {
  if (archive === false) return
  const route = archive === true ? {} : archive
  const target: Target = { kind: 'archive', name: archiveTarget, displayName: archiveTarget, route }
  targets.set(archiveTarget, target)
  for (const [name, source] of sources) sources.set(name, { ...source, targets: [...source.targets, target] })
}

import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import {
  type CompiledMapping,
  compileMapping,
  type Mapping,
  type MappingFile,
  MappingSchema,
  type MappingUse,
} from '../../protocols/index.ts'
import { type Problem, packageRoot } from '../config/index.ts'
import { loadYaml } from '../config/yaml-file.ts'
import { exampleDifferences } from './push-vectors.ts'
import type { PushWorld } from './push-world.ts'

export const builtInMappings = (): string => join(packageRoot(), 'config', 'mappings')

/** The mapping files of a directory, in order. */
export const mappingFiles = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map((entry) => join(directory, entry.name))
    .sort()

/** A mapping file that passed its schema. */
export interface LoadedMapping {
  readonly file: string
  readonly content: MappingFile
  /** Works it out for one use. The examples were run without a use, so only what the site says can be wrong here. */
  compile(use: MappingUse): CompiledMapping
}

export type MappingResult =
  | { readonly ok: true; readonly value: LoadedMapping; readonly examples: number }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Reads a mapping file, works it out and runs its examples; every problem with file, line and column. */
export const loadMapping = (file: string, world: PushWorld): MappingResult => {
  const shown = shownPath(file)
  const loaded = loadYaml(file, MappingSchema, shown)
  if (!loaded.ok) return loaded
  const compiled = compileMapping(loaded.value)
  if (!compiled.ok) return { ok: false, problems: compiled.problems.map(({ path, message }) => loaded.problemAt(path, message)) }
  const problems = loaded.value.examples.flatMap((example, at) =>
    exampleDifferences(example, compiled.value, world).map(({ path, expected, got }) =>
      loaded.problemAt(
        ['examples', at],
        `"${example.name}": ${path} is ${JSON.stringify(got) ?? 'nothing'}, expected ${JSON.stringify(expected) ?? 'nothing'}`,
      ),
    ),
  )
  if (problems.length > 0) return { ok: false, problems }
  const value = { file, content: loaded.value, compile: (use: MappingUse) => compileMapping(loaded.value, use) }
  return { ok: true, value, examples: loaded.value.examples.length }
}

const shownPath = (file: string): string => {
  const short = relative(process.cwd(), file)
  return short.startsWith('..') ? file : short
}

/** Mappings by id: those of this installation and a site's own, which win. A broken one is named; the others go on. */
export interface Mappings {
  readonly ids: readonly string[]
  readonly problems: readonly Problem[]
  get(id: string): LoadedMapping | undefined
}

export const openMappings = (own: string | null, world: PushWorld, only?: ReadonlySet<string>): Mappings => {
  const found = new Map<string, LoadedMapping>()
  const problems: Problem[] = []
  const ids: string[] = []
  for (const directory of [builtInMappings(), ...(own === null ? [] : [own])]) {
    if (!existsSync(directory)) continue
    for (const file of mappingFiles(directory)) {
      const id = idOfFile(file)
      if (!ids.includes(id)) ids.push(id)
      if (only && !only.has(id)) continue
      const loaded = loadMapping(file, world)
      if (!loaded.ok) {
        problems.push(...loaded.problems)
        found.delete(id)
      } else if (loaded.value.content.id !== id)
        problems.push({
          file: shownPath(file),
          line: 1,
          column: 1,
          path: '/id',
          message: `is "${loaded.value.content.id}"; must be the file's name, ${id}`,
        })
      else found.set(id, loaded.value)
    }
  }
  return { ids, problems, get: (id) => found.get(id) }
}

/** `tasmota.yaml` holds the mapping `tasmota`. */
const idOfFile = (file: string): string => /([^/\\]+)\.ya?ml$/.exec(file)?.[1] ?? file

/** Mappings as a use-less list, for recorded messages. */
export const compiledMappings = (mappings: Mappings): Mapping[] =>
  mappings.ids.flatMap((id) => {
    const compiled = mappings.get(id)?.compile({})
    return compiled?.ok ? [compiled.value] : []
  })

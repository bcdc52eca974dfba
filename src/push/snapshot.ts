import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type TSchema, Type } from 'typebox'
import { Check } from 'typebox/value'
import { ok, type Result } from '../core/index.ts'
import { moveAside, syncDirectory } from './append-log.ts'
import { fail, type PushError, type Say, textOf } from './errors.ts'

/** Entries turned into text without a pause. */
const STRETCH = 100

/**
 * Writes a JSON file that holds a list: beside it first, then renamed, so that there is always a whole one. Other work goes on
 * meanwhile; an entry is as it is when its turn comes.
 *
 * @errors PUSH_DISK
 */
export const writeList = async (path: string, entries: Iterable<unknown>): Promise<Result<void, PushError>> => {
  const beside = `${path}.new`
  try {
    const file = await open(beside, 'w')
    try {
      let lines: string[] = []
      let isFirst = true
      const flush = async (end: string) => {
        await file.appendFile(`${isFirst ? '[' : lines.length > 0 ? ',' : ''}\n${lines.join(',\n')}${end}`)
        isFirst = false
        lines = []
      }
      for (const entry of entries) if (lines.push(JSON.stringify(entry)) >= STRETCH) await flush('')
      await flush('\n]\n')
      await file.datasync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
    await syncDirectory(dirname(path))
    return ok(undefined)
  } catch (error) {
    return fail('PUSH_DISK', `${path} cannot be written: ${textOf(error)}`, { path })
  }
}

/** Reads such a list; nothing when there is none. A file that is damaged is set aside, and said to be. */
export const readList = async <Schema extends TSchema>(path: string, schema: Schema, say: Say) => {
  try {
    const text = await readFile(path, 'utf8')
    const list: unknown = JSON.parse(text)
    if (Check(Type.Array(schema), list)) return list
    throw new SyntaxError('it has another form')
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      if (error.code !== 'ENOENT') say(fail('PUSH_DISK', `${path} cannot be read: ${textOf(error)}`, { path }).error)
      return []
    }
    const name = await moveAside(path).catch(() => null)
    const aside = name === null ? 'and cannot be renamed' : `set aside as ${name}, and begun anew`
    say(fail('PUSH_DAMAGED', `${path}: ${textOf(error)}; ${aside}`, { path }).error)
    return []
  }
}

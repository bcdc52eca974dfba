import { readFileSync } from 'node:fs'
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type TSchema, Type } from 'typebox'
import { Check } from 'typebox/value'
import { ok, type Result } from '../core/index.ts'
import { moveAside, syncDirectory } from './append-log.ts'
import { fail, type PushError, type Say, textOf } from './errors.ts'

/** Entries turned into text without a pause. */
const STRETCH = 100

/**
 * Writes a JSON file that holds a list. Other work goes on meanwhile; an entry is as it is when its turn comes.
 *
 * @errors PUSH_DISK
 */
export const writeList = (path: string, entries: Iterable<unknown>): Promise<Result<void, PushError>> =>
  replaceFile(path, async (file) => {
    let lines: string[] = []
    let isFirst = true
    const flush = async (end: string) => {
      await file.appendFile(`${isFirst ? '[' : lines.length > 0 ? ',' : ''}\n${lines.join(',\n')}${end}`)
      isFirst = false
      lines = []
    }
    for (const entry of entries) if (lines.push(JSON.stringify(entry)) >= STRETCH) await flush('')
    await flush('\n]\n')
  })

/**
 * Writes a small JSON file, as the value is at the call. What is saved last is what stays, however many saves are under way.
 *
 * @errors PUSH_DISK
 */
export const saveJson = async (path: string, json: unknown): Promise<Result<void, PushError>> => {
  const text = `${JSON.stringify(json)}\n`
  return replaceFile(path, (file) => file.appendFile(text))
}

/** Reads such a file; null when there is none, or a damaged one: it is made again. */
export const loadJson = (path: string): unknown => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

/** The last write under way of each file: two at once would write into one another. */
const underway = new Map<string, Promise<Result<void, PushError>>>()

type WriteFile = (file: FileHandle) => Promise<void>

/** Writes beside the file first, then renames, so that there is always a whole one. */
const replaceFile = (path: string, write: WriteFile): Promise<Result<void, PushError>> => {
  const before = underway.get(path)
  const replacing = before ? before.then(() => replaceNow(path, write)) : replaceNow(path, write)
  underway.set(path, replacing)
  return replacing.finally(() => {
    if (underway.get(path) === replacing) underway.delete(path)
  })
}

const replaceNow = async (path: string, write: WriteFile): Promise<Result<void, PushError>> => {
  const beside = `${path}.new`
  try {
    const file = await open(beside, 'w')
    try {
      await write(file)
      await file.datasync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
    await syncDirectory(dirname(path))
    return ok(undefined)
  } catch (error) {
    // Half a file takes room on a disk that has none.
    await rm(beside, { force: true }).catch(() => {})
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

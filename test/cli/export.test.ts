import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, it, onTestFinished, vi } from 'vitest'
import { listenApi } from '../../src/api/index.ts'
import { exportCommands } from '../../src/cli/export.ts'
import { api, ROLE_TOKENS } from '../api/fake.ts'

const run = async (...args: readonly string[]) => {
  const { app } = await api()
  const url = await listenApi(app, { host: '127.0.0.1', port: 0 })
  let printed = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text)
    return true
  })
  onTestFinished(() => void write.mockRestore())
  const program = new Command()
  exportCommands(program)
  await program.parseAsync(['node', 'gridtally', 'export', '--url', url, '--token', ROLE_TOKENS.analyst.text, ...args])
  write.mockRestore()
  return {
    printed,
    left: (await app.inject({ url: '/api/v1/exports', headers: { authorization: `Bearer ${ROLE_TOKENS.analyst.text}` } })).json().items,
  }
}
const folder = () => {
  const directory = mkdtempSync(join(tmpdir(), 'export-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

it('writes a file that is what its digest says, and leaves nothing behind on the gateway', async () => {
  const directory = folder()
  const out = join(directory, 'points.csv')
  const { printed, left } = await run('points', '--area', 'A-2', '--out', out, '--json')
  const told = JSON.parse(printed)
  const content = readFileSync(out)
  expect(told).toEqual({ file: out, rows: 12, bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') })
  expect(readdirSync(directory)).toEqual(['points.csv'])
  expect(left).toEqual([])
})

it('lists what there is', async () => {
  expect((await run()).printed).toMatch(/^readings +readings:read +Stored readings/)
})

it('writes over nothing, and says what is wrong', async () => {
  const directory = folder()
  const out = join(directory, 'points.csv')
  writeFileSync(out, 'mine')
  await expect(run('points', '--out', out)).rejects.toThrow(/is there: name another file/)
  expect(readFileSync(out, 'utf8')).toBe('mine')
  await expect(run('points', '--with', 'colour', '--out', `${out}2`)).rejects.toThrow(/a name, = and a value/)
  await expect(run('points', '--with', 'colour=red', '--out', `${out}2`)).rejects.toThrow(/API_VALUE/)
  await expect(run('nothing', '--out', `${out}2`)).rejects.toThrow(/EXPORT_RESULT/)
  expect(readdirSync(directory)).toEqual(['points.csv'])
})

import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
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

/** A gateway that is gone, or whose connection breaks, at every step once; `ranges` are those it was asked for. */
const shaky = async (content: Buffer) => {
  const sha256 = createHash('sha256').update(content).digest('hex')
  const ranges: (string | undefined)[] = []
  let looks = 0
  const job = () => ({
    ...{ id: 7, state: looks < 3 ? 'running' : 'done', rows: 4, bytes: content.length, percent: 50, starts: 2, keptRows: 3, changed: true },
    ...{ file: { name: 'f.csv', sha256, url: '/api/v1/exports/7/file' }, error: null },
  })
  const server = createServer(({ method, url, headers, socket }, answer) => {
    const json = (value: unknown) => answer.setHeader('content-type', 'application/json').end(JSON.stringify(value))
    if (method === 'DELETE' || method === 'POST') return json(job())
    if (url === '/api/v1/exports/7') {
      looks++
      if (looks === 1) return socket.destroy()
      if (looks === 2) return answer.writeHead(503).end('{}')
      return json(job())
    }
    ranges.push(headers.range)
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
    expect(headers['if-range']).toBe(from === 0 ? undefined : `"${sha256}"`)
    // The third time it has forgotten what a range is.
    const isWhole = ranges.length === 3
    const rest = content.subarray(isWhole ? 0 : from)
    answer.writeHead(from > 0 && !isWhole ? 206 : 200, { 'content-length': rest.length })
    if (ranges.length > 3) return answer.end(rest)
    return answer.write(rest.subarray(0, 100_000), () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, ranges }
}

it('waits for a gateway that is restarted, and goes on where a connection broke', async () => {
  const content = Buffer.from(Array.from({ length: 400_000 }, (_, at) => at % 251))
  const { url, ranges } = await shaky(content)
  const out = join(folder(), 'f.csv')
  let said = ''
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text)
    return true
  })
  onTestFinished(() => void write.mockRestore())
  const print = vi.spyOn(process.stdout, 'write').mockImplementation(() => true)
  onTestFinished(() => void print.mockRestore())
  const program = new Command()
  exportCommands(program)
  await program.parseAsync(['node', 'gridtally', 'export', 'points', '--url', url, '--token', 'gt_x', '--out', out])
  expect(readFileSync(out).equals(content)).toBe(true)
  expect(ranges.length).toBe(4)
  expect(ranges[0]).toBeUndefined()
  expect(said).toMatch(/waiting for it/)
  expect(said).toMatch(/gone on with after row 3, and is whole/)
  expect(said).toMatch(/ask again for one that has it/)
})

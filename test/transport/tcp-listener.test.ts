import { connect, type Socket } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { listenTcp, type OpenFiles, openFiles, type Peer, type TcpListenerOptions } from '../../src/transport/index.ts'

const until = (met: () => boolean) => vi.waitFor(() => expect(met()).toBe(true), { timeout: 60_000, interval: 2 })

const open = async (options: Partial<TcpListenerOptions> = {}) => {
  const peers: Peer[] = []
  const heard: string[] = []
  const closed: string[] = []
  const refused: string[] = []
  const logged: string[] = []
  const listener = await listenTcp({
    ...{ host: '127.0.0.1', port: 0, maxConnections: 10, maxPerAddress: 10 },
    accept: (peer) => {
      peers.push(peer)
      return { bytes: (bytes) => void heard.push(Buffer.from(bytes).toString()), closed: ({ code }) => void closed.push(code) }
    },
    refused: (_, why) => void refused.push(why),
    log: (_, message) => void logged.push(message),
    ...options,
  })
  if (!listener.ok) return { failed: listener.error, peers, heard, closed, refused, logged, listener: null, dial: () => null }
  onTestFinished(() => listener.value.close())
  return {
    ...{ failed: null, peers, heard, closed, refused, logged, listener: listener.value },
    dial: () => {
      const socket: Socket = connect({ host: '127.0.0.1', port: listener.value.port })
      socket.on('error', () => undefined)
      onTestFinished(() => void socket.destroy())
      return socket
    },
  }
}

it('hands over bytes, says goodbye behind what was written, and tells of the end once', async () => {
  const { dial, peers, heard, closed, listener } = await open()
  const far = dial()
  let back = ''
  far?.on('data', (bytes) => {
    back += String(bytes)
  })
  far?.write('hello')
  await until(() => heard.join('') === 'hello')
  peers[0]?.write(Buffer.from('and goodbye'))
  peers[0]?.finish()
  await until(() => closed.length === 1 && back === 'and goodbye')
  expect(closed).toEqual(['TRANSPORT_CLOSED'])
  expect(listener?.connections).toBe(0)
})

it('takes nothing from a peer that is paused', async () => {
  const { dial, peers, heard } = await open()
  const [one, other] = [dial(), dial()]
  await until(() => peers.length === 2)
  const mine = peers.find(({ name }) => name.endsWith(`:${one?.localPort}`))
  mine?.pause()
  one?.write('held')
  other?.write('free')
  await until(() => heard.length === 1)
  expect(heard).toEqual(['free'])
  mine?.resume()
  await until(() => heard.length === 2)
})

it('refuses more than it may keep', async () => {
  const { dial, refused, peers } = await open({ maxConnections: 3, maxPerAddress: 2 })
  for (let n = 0; n < 4; n++) dial()
  await until(() => refused.length === 2 && peers.length === 2)
  expect(refused).toEqual(['peer', 'peer'])
})

it.each([
  ['a port that is taken', (port: number) => ({ port }), 'LISTEN_TAKEN'],
  ['an address of another machine', () => ({ host: '192.0.2.77' }), 'LISTEN_ADDRESS'],
])('says why it cannot listen on %s', async (_, options, code) => {
  const first = await open()
  expect((await open(options(first.listener?.port ?? 0))).failed).toMatchObject({ code, recovery: 'stop' })
})

it('closes the door for a second when files run short, says what to raise, and opens it again', async () => {
  let files: OpenFiles = { open: 990, limit: 1000 }
  const { dial, peers, refused, logged, listener } = await open({ files: () => files })
  const far = dial()
  await until(() => refused.length === 1)
  expect(refused).toEqual(['files'])
  expect(listener?.isPaused).toBe(true)
  expect(logged).toEqual([expect.stringContaining('990 open files of 1000: raise the limit of open files (LimitNOFILE= of the service')])
  await until(() => far?.destroyed === true)
  files = { open: 200, limit: 1000 }
  await until(() => listener?.isPaused === false)
  dial()
  await until(() => peers.length === 1)
})

it('counts the open files of this process', () => {
  const files = openFiles()
  if (process.platform === 'linux') expect(files?.open).toBeGreaterThan(2)
  if (files) expect(files.limit).toBeGreaterThan(files.open)
})

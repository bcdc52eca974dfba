import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Permission } from '../access/roles.ts'
import { exportFailure, RowsStopped } from '../export/index.ts'
import { holdsStill, watchRight } from './right-watch.ts'

/**
 * Answers with a stream that has an end; its type has to be set before. It goes on only as long as whoever asked may see what he might
 * when he did: else the connection is broken off within a second, so that nobody takes a part for the whole, however slowly it is read.
 *
 * @param needs  what it takes beside the permission of the route; null: nothing
 */
export const sendStream = (reply: FastifyReply, stream: Readable, needs: Permission | null = null): FastifyReply => {
  if (reply.request.method === 'HEAD') {
    stream.destroy()
    return sendHead(reply)
  }
  const { request } = reply
  if (request.who !== null) {
    const stop = watchRight({ again: () => holdsStill(request, needs) }, (reason) => {
      stream.destroy(new RowsStopped(exportFailure('EXPORT_RIGHT', reason).error))
      // What waits for a slow reader goes too.
      reply.raw.destroy()
    })
    reply.raw.once('close', stop).once('finish', stop)
  }
  return reply.send(stream)
}

/** Answers with a stream that goes on for ever and looks after the right of whoever sees it itself. */
export const sendLive = (reply: FastifyReply, stream: Readable): FastifyReply => {
  if (reply.request.method !== 'HEAD') return reply.send(stream)
  stream.destroy()
  return sendHead(reply)
}

/** The head of an answer without its body; its length is said where it was set. */
export const sendHead = (reply: FastifyReply): FastifyReply => reply.send(Readable.from([]))

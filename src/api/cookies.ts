import type { FastifyReply, FastifyRequest } from 'fastify'
import { sessionCookie } from './access-deps.ts'

/** The mark of a device that has logged in: it opens nothing, but has tries of its own. */
const deviceCookie = (isSecure: boolean): string => `${sessionCookie(isSecure)}-device`
const DEVICE_S = 90 * 86_400

const isSecureOf = ({ protocol }: Pick<FastifyRequest, 'protocol'>): boolean => protocol === 'https'

const cookieOf = ({ headers: { cookie } }: Pick<FastifyRequest, 'headers'>, name: string): string | null => {
  const found = cookie
    ?.split(';')
    .map((each) => each.trim())
    .find((each) => each.startsWith(`${name}=`))
  return found === undefined || found.length === name.length + 1 ? null : found.slice(name.length + 1)
}

/** Secrets of the two cookies of a request; null: it has none. */
export const cookiesOf = (request: FastifyRequest): { readonly session: string | null; readonly device: string | null } => {
  const isSecure = isSecureOf(request)
  return { session: cookieOf(request, sessionCookie(isSecure)), device: cookieOf(request, deviceCookie(isSecure)) }
}

/**
 * Sent to this host only, never to a script, never from another site.
 *
 * @param maxAgeS  null: as long as the browser runs
 */
const written = (name: string, text: string, isSecure: boolean, maxAgeS: number | null): string =>
  `${name}=${text}; Path=/; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}${maxAgeS === null ? '' : `; Max-Age=${maxAgeS}`}`

export const setCookies = (reply: FastifyReply, { session, device }: { readonly session: string; readonly device: string }): void => {
  const isSecure = isSecureOf(reply.request)
  reply.header('set-cookie', [
    written(sessionCookie(isSecure), session, isSecure, null),
    written(deviceCookie(isSecure), device, isSecure, DEVICE_S),
  ])
}

/** The log-in is over; the device stays known. */
export const clearSession = (reply: FastifyReply): void => {
  const isSecure = isSecureOf(reply.request)
  reply.header('set-cookie', written(sessionCookie(isSecure), '', isSecure, 0))
}

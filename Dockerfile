# Three steps: packages, compilation, and an image that holds only what runs. Nothing is compiled natively, nothing downloaded at start.
#   docker build -t gridtally .
#   docker run -v gridtally-data:/data -v ./gateway.yaml:/etc/gridtally/gateway.yaml:ro -p 8080:8080 gridtally
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts

FROM packages AS build
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY protocols protocols
COPY simulators simulators
COPY bench bench
COPY test/support test/support
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY bin bin
COPY config config
# The program belongs to root and is read-only to the one who runs it; /data is all it may write.
RUN install -d -o node -g node /data && ln -s /app/bin/gridtally /usr/local/bin/gridtally
USER node
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.GRIDTALLY_PORT ?? 8080}/health/live`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Exec form: the gateway is process 1 and hears SIGTERM itself.
ENTRYPOINT ["node", "/app/bin/gridtally"]
CMD ["run", "-c", "/etc/gridtally/gateway.yaml"]

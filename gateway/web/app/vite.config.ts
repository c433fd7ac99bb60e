import { fileURLToPath, URL } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

// The backend that `npm run dev` talks to; start it with `barrage serve`.
const backend = process.env.BARRAGE_BACKEND ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2022',
    // Nothing is inlined: the content security policy allows files only.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // hls.js is one file of this size, loaded only where something plays.
    chunkSizeWarningLimit: 650,
  },
  server: {
    proxy: {
      '/v1': { target: backend },
      '/live': { target: backend },
      '/ws': { target: backend, ws: true },
    },
  },
  test: {
    // A busy machine is slow, and nothing here is judged by how long it takes.
    testTimeout: 60_000,
    environment: 'happy-dom',
    include: ['test/**/*.test.ts'],
    restoreMocks: true,
  },
})

import { createRouter, createWebHistory } from 'vue-router'
import Home from './views/HomeView.vue'

/** What a channel's name looks like; other addresses are nobody's room. The server sends /name, as it once was, to /@name. */
export const channelName = '[a-z0-9][a-z0-9_-]*'

export const router = createRouter({
  history: createWebHistory(),
  scrollBehavior: (_to, _from, kept) => kept ?? { top: 0 },
  routes: [
    { path: '/', name: 'home', component: Home },
    { path: '/studio', name: 'studio', component: () => import('./views/StudioView.vue') },
    { path: `/@:channel(${channelName})`, name: 'room', component: () => import('./views/RoomView.vue'), props: true },
    { path: `/@:channel(${channelName})/:broadcast([0-9a-f]{32})`, name: 'recording', component: () => import('./views/RecordingView.vue'), props: true },
    { path: '/:rest(.*)*', name: 'lost', component: () => import('./views/LostView.vue') },
  ],
})

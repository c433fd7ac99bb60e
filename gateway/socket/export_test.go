package socket

// Pending is how many bytes wait for all sockets together, besides those in the kernel.
func (g *Gateway) Pending() int {
	n := 0
	for _, c := range g.server.Conns() {
		n += c.Pending()
	}
	return n
}

package account

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/reserved"
	"github.com/barrage-live/barrage/storage/table"
)

// draws is how often a user id is drawn before giving up; two accounts of one millisecond collide once in
// 4096 pairs.
const draws = 8

// Client is how everyone talks to accounts. It is safe for concurrent use.
type Client struct {
	node    *cluster.Node
	store   store
	hasher  *auth.Hasher
	metrics *Metrics
	names   handleCache
}

// NewClient talks through n; t is the table the kind writes, h the pool of the node.
func NewClient(n *cluster.Node, t *table.Store, h *auth.Hasher, m *Metrics) *Client {
	return &Client{node: n, store: store{table: t}, hasher: h, metrics: m}
}

// Register makes an account that may post, and returns when it is durable. Names that are reserved, or look
// it, are refused.
func (c *Client) Register(ctx context.Context, handle, password string) (Account, error) {
	h, err := auth.ParseHandle(handle)
	if err == nil && reserved.Alike(h.Shown) {
		err = fault.New(fault.Invalid, "handle_reserved", "this handle is reserved").In("handle")
	}
	return c.register(ctx, h, err, password, auth.NewRoles())
}

// CreateAdmin makes an account with every role; any handle will do. It is for the command line.
func (c *Client) CreateAdmin(ctx context.Context, handle, password string) (Account, error) {
	h, err := auth.ParseHandle(handle)
	return c.register(ctx, h, err, password, auth.NewRoles(auth.Streamer, auth.Moderator, auth.Admin))
}

func (c *Client) register(ctx context.Context, h auth.Handle, err error, password string, roles auth.Roles) (a Account, _ error) {
	defer func() { c.metrics.registrations.WithLabelValues(result(err)).Inc() }()
	if err != nil {
		return Account{}, err
	}
	if err = auth.CheckPassword(password, h); err != nil {
		return Account{}, err
	}
	hash, err := c.hasher.Hash(ctx, password)
	if err != nil {
		return Account{}, err
	}
	for range draws {
		user := id.NewUser(time.Now())
		a, err = ask(ctx, c.node, user, create{user, h, hash, roles})
		if !errors.Is(err, errIDTaken) {
			break
		}
	}
	return a, err
}

// Authenticate finds the account of a handle and password. Unknown handle and wrong password are one
// refusal and take the same time; a disabled account is told so only with the right password.
func (c *Client) Authenticate(ctx context.Context, handle, password string) (a Account, err error) {
	defer func() { c.metrics.logins.WithLabelValues(result(err)).Inc() }()
	known, err := c.credentials(ctx, handle)
	if errors.Is(err, ErrNoAccount) {
		if err := c.hasher.VerifyNobody(ctx, password); err != nil {
			return Account{}, err
		}
		return Account{}, ErrCredentials
	}
	if err != nil {
		return Account{}, err
	}
	stale, err := c.verify(ctx, known, password)
	if err != nil {
		return Account{}, err
	}
	if stale {
		c.metrics.rehashes.WithLabelValues(result(c.rehash(ctx, known, password))).Inc()
	}
	return known.account, nil
}

// verify refuses a wrong password, and a disabled account for the right one. stale says that the hash has
// parameters of before.
func (c *Client) verify(ctx context.Context, known credentials, password string) (stale bool, err error) {
	ok, stale, err := c.hasher.Verify(ctx, password, known.hash)
	switch {
	case err != nil:
		return false, err
	case !ok:
		return false, ErrCredentials
	case known.account.Disabled:
		return false, ErrDisabled
	}
	return stale, nil
}

// ChangePassword replaces the password of one who knows it, and refuses ErrCredentials to one who does not.
// All logins but the one to keep are over from then on (Account.Ends). Their tokens serve until they expire
// unless the logins are ended, which is for the caller to do.
func (c *Client) ChangePassword(ctx context.Context, user id.User, keep id.Session, old, next string) (Account, error) {
	known, err := c.secrets(ctx, user)
	if err != nil {
		return Account{}, err
	}
	if _, err := c.verify(ctx, known, old); err != nil {
		return Account{}, err
	}
	if err := auth.CheckPassword(next, known.handle); err != nil {
		return Account{}, err
	}
	hash, err := c.hasher.Hash(ctx, next)
	if err != nil {
		return Account{}, err
	}
	return ask(ctx, c.node, user, changePassword{known.hash, hash, keep})
}

// credentials reads what a login needs; a text that is no handle is nobody's.
func (c *Client) credentials(ctx context.Context, handle string) (credentials, error) {
	h, err := auth.ParseHandle(handle)
	if err != nil {
		return credentials{}, ErrNoAccount
	}
	user, err := c.find(ctx, h)
	if err != nil {
		return credentials{}, err
	}
	return c.secrets(ctx, user)
}

func (c *Client) secrets(ctx context.Context, user id.User) (credentials, error) {
	return cluster.Ask[credentials](ctx, c.node, KindName, string(user), secrets{})
}

// rehash brings a hash to the present parameters; the login does not depend on it.
func (c *Client) rehash(ctx context.Context, known credentials, password string) error {
	hash, err := c.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = ask(ctx, c.node, known.account.User, rehash{known.hash, hash})
	return err
}

// Get reads an account, or refuses with ErrNoAccount.
func (c *Client) Get(ctx context.Context, user id.User) (Account, error) {
	return ask(ctx, c.node, user, get{})
}

// Handle is by which handle an account is known, as of a minute ago at most; it asks nobody if it knows.
func (c *Client) Handle(ctx context.Context, user id.User) (string, error) {
	now := time.Now()
	if handle, ok := c.names.get(now, user); ok {
		return handle, nil
	}
	a, err := c.Get(ctx, user)
	if err != nil {
		return "", err
	}
	c.names.put(now, user, a.Handle)
	return a.Handle, nil
}

// Find finds an account by handle or id, or refuses with ErrNoAccount: a handle has a letter and an id has
// none.
func (c *Client) Find(ctx context.Context, handleOrID string) (Account, error) {
	if user, err := id.ParseNumber[id.User](handleOrID); err == nil {
		return c.Get(ctx, user)
	}
	return c.ByHandle(ctx, handleOrID)
}

// ByHandle finds an account, or refuses with ErrNoAccount.
func (c *Client) ByHandle(ctx context.Context, handle string) (Account, error) {
	h, err := auth.ParseHandle(handle)
	if err != nil {
		return Account{}, ErrNoAccount
	}
	user, err := c.find(ctx, h)
	if err != nil {
		return Account{}, err
	}
	return c.Get(ctx, user)
}

// find gives the account of a handle. One whose creation nobody has heard the end of is told to look after
// its handle, or it would lose it when the claim expires.
func (c *Client) find(ctx context.Context, h auth.Handle) (id.User, error) {
	user, confirmed, err := c.store.owner(ctx, h)
	if err == nil && !confirmed {
		_ = cluster.Tell(c.node, KindName, string(user), document.Wake{}) // if it does not hear this, the next who asks tells it
	}
	return user, err
}

// SetRoles replaces the roles; viewer is always among them. Tokens given before are out of date from then on.
func (c *Client) SetRoles(ctx context.Context, user id.User, roles auth.Roles) (Account, error) {
	return ask(ctx, c.node, user, setRoles{roles})
}

// GrantRole adds one role. Tokens given before stay good.
func (c *Client) GrantRole(ctx context.Context, user id.User, role auth.Role) (Account, error) {
	return ask(ctx, c.node, user, grantRole{role})
}

// SetDisabled shuts an account out of logging in and refreshing, or lets it in again. Tokens given before
// are out of date from then on. One that is shut out loses its logins and stream keys: before the answer,
// or, if that is fault.Timeout outcome_unknown, soon after it.
func (c *Client) SetDisabled(ctx context.Context, user id.User, disabled bool) (Account, error) {
	return ask(ctx, c.node, user, setDisabled{disabled})
}

func ask(ctx context.Context, n *cluster.Node, user id.User, msg any) (Account, error) {
	return cluster.Ask[Account](ctx, n, KindName, string(user), msg)
}

func result(err error) string {
	if err == nil {
		return "ok"
	}
	return fault.CodeOf(err)
}

const (
	// maxHandles is how many handles a client remembers, which takes about 10 MB; when there are as many,
	// all are forgotten.
	maxHandles = 1 << 16
	// handleFor is how long.
	handleFor = time.Minute
)

// handleCache remembers by which handle accounts are known.
type handleCache struct {
	mu    sync.Mutex
	known map[id.User]knownHandle
}

type knownHandle struct {
	handle string
	until  time.Time
}

func (h *handleCache) get(now time.Time, user id.User) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.known[user]
	return k.handle, now.Before(k.until)
}

func (h *handleCache) put(now time.Time, user id.User, handle string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || len(h.known) >= maxHandles {
		h.known = map[id.User]knownHandle{}
	}
	h.known[user] = knownHandle{handle, now.Add(handleFor)}
}

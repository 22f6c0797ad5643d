// A real OpenID Connect provider.
import Provider from "oidc-provider";

const { port, clients, jwks } = JSON.parse(process.argv[2]);

// What is told of whom, by what they sign in as; the tests say it.
const people = new Map();

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  jwks,
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username"] },
  // As most providers do it; a client that is called "small" has to ask for the user info.
  conformIdTokenClaims: false,
  findAccount: (ctx, id) => {
    const isSmall = (use) => use === "id_token" && ctx.oidc.client.clientId === "small";
    return { accountId: id, claims: (use) => (isSmall(use) ? { sub: id } : { ...people.get(id), sub: id }) };
  },
  // Nobody is asked for their consent.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      accountId: ctx.oidc.session.accountId,
      clientId: ctx.oidc.client.clientId,
    });
    grant.addOIDCScope("openid email profile");
    await grant.save();
    return grant;
  },
  cookies: { keys: ["of the tests"] },
  ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
});

provider.use(async (ctx, next) => {
  if (ctx.path !== "/people") return next();
  const { sub, ...claims } = JSON.parse(ctx.query.is);
  people.set(sub, claims);
  ctx.status = 204;
});

provider.listen(port, "127.0.0.1", () => console.log("started"));

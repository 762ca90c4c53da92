// What the guides' code takes from files that are no TypeScript.
declare module "*.vue" {
  const component: import("vue").Component;
  export default component;
}

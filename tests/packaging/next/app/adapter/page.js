// A server component with the adapter's in it, as the guide says.
import { Providers } from "./providers.js";
import { Status } from "./status.js";

export default function Page() {
  return (
    <Providers>
      <Status />
    </Providers>
  );
}

using Aperture.Host;

return await CommandLine.RunAsync(args, Terminal.OfProcess());

using System.CommandLine;
using Aperture.Hub;
using Aperture.Models;

namespace Aperture.Host.Commands;

/// <summary><c>aperture pull ID</c>: fetches a model (or other files of a repository) into the hub's cache and prints the folder.</summary>
internal static class PullCommand
{
    public static Command Create(CommandContext context)
    {
        Argument<string> id = new Argument<string>("id")
        {
            Description = "organisation/name, optionally with @revision; data sets as datasets/organisation/name.",
        };
        Option<string?> revision = new Option<string?>("--revision") { Description = "A branch, a tag or a commit; main by default.", HelpName = "revision" };
        Option<string[]> files = new Option<string[]>("--files")
        {
            Description = "Fetch the files that match instead of what a model needs; * and ? are wildcards.",
            HelpName = "pattern",
            AllowMultipleArgumentsPerToken = true,
        };
        Command command = new Command("pull", "Fetch a model into the Hugging Face cache.") { id, revision, files };
        command.SetAction((parsed, token) => PullAsync(
            context.Terminal, parsed.GetRequiredValue(id), parsed.GetValue(revision), parsed.GetValue(files) ?? [], token));
        return command;
    }

    private static async Task<int> PullAsync(Terminal terminal, string id, string? revision, string[] files, CancellationToken cancellationToken)
    {
        string[] parts = id.Split('@', 2);
        HubRepo repo = HubRepo.Parse(parts[0]);
        string wanted = revision ?? (parts.Length > 1 ? parts[1] : "main");
        HubSettings settings = HubSettings.FromEnvironment();
        using HubClient client = new HubClient(settings);
        IReadOnlyList<HubSnapshot> snapshots = await DownloadDisplay.RunAsync(
            terminal, settings.ShowProgress, progress => DownloadAsync(client, repo, files, wanted, progress, cancellationToken)).ConfigureAwait(false);
        foreach (HubSnapshot snapshot in snapshots)
        {
            if (snapshot.Warning is { } warning)
            {
                terminal.Warn(warning);
            }

            terminal.Output.WriteLine(snapshot.Folder);
        }

        return 0;
    }

    private static async Task<IReadOnlyList<HubSnapshot>> DownloadAsync(
        HubClient client, HubRepo repo, string[] files, string revision, IProgress<HubProgress> progress, CancellationToken cancellationToken) =>
        repo.Kind == HubRepoKind.Model && files.Length == 0
            ? await client.DownloadModelAsync(repo, revision, progress, cancellationToken).ConfigureAwait(false)
            : [await client.DownloadAsync(repo, files, revision, progress, cancellationToken).ConfigureAwait(false)];
}

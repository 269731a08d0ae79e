using Aperture.Generation;
using Aperture.Models;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Aperture.Hosting.Chat;

/// <summary>Turns options of a chat client into settings of the generation: what is not given is the checkpoint's own.</summary>
internal static class ChatSettings
{
    /// <summary>The settings. Options that these models have no use for are ignored, as the interface wants it, and told in the log.</summary>
    public static GenerationOptions Of(Model model, ChatOptions? options, ILogger? log)
    {
        GenerationOptions own = model.Generation;
        if (options is null)
        {
            return own;
        }

        if (log is not null && Unused(options) is { Length: > 0 } unused)
        {
            EngineLog.Ignored(log, "What a request asks for beside what these models do", string.Join(", ", unused));
        }

        return own with
        {
            MaxNewTokens = options.MaxOutputTokens ?? own.MaxNewTokens,
            MinNewTokens = options.MaxOutputTokens is { } most ? Math.Min(own.MinNewTokens, most) : own.MinNewTokens,
            Temperature = options.Temperature ?? own.Temperature,
            TopP = options.TopP ?? own.TopP,
            TopK = options.TopK ?? own.TopK,
            Seed = options.Seed is { } seed ? unchecked((ulong)seed) : own.Seed,
            StopStrings = options.StopSequences is { Count: > 0 } stops ? [.. stops] : own.StopStrings,
        };
    }

    private static string[] Unused(ChatOptions options)
        =>
        [
            .. new (string Name, bool IsGiven)[]
            {
                (nameof(options.FrequencyPenalty), options.FrequencyPenalty is not null and not 0),
                (nameof(options.PresencePenalty), options.PresencePenalty is not null and not 0),
                (nameof(options.Tools), options.Tools is { Count: > 0 }),
                (nameof(options.ResponseFormat), options.ResponseFormat is not null and not ChatResponseFormatText),
                (nameof(options.AdditionalProperties), options.AdditionalProperties is { Count: > 0 }),
            }.Where(option => option.IsGiven).Select(option => option.Name),
        ];
}

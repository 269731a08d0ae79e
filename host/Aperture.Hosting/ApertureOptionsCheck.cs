using Microsoft.Extensions.Options;

namespace Aperture.Hosting;

/// <summary>Refuses what cannot be served, when the program starts.</summary>
internal sealed class ApertureOptionsCheck : IValidateOptions<ApertureOptions>
{
    public ValidateOptionsResult Validate(string? name, ApertureOptions options)
    {
        string[] problems =
        [
            .. options.Problems,
            .. options.PrefixMemory < 0 ? [$"Aperture:PrefixMemory is {options.PrefixMemory}; give a number of bytes from 0."] : (string[])[],
            .. options.Pipelines.Where(pipeline => string.IsNullOrWhiteSpace(pipeline.Key)).Select(_ => "A pipeline has no key; give it one."),
            .. options.Pipelines.Where(pipeline => string.IsNullOrWhiteSpace(pipeline.Value.Model))
                .Select(pipeline => $"The pipeline '{pipeline.Key}' names no model."),
        ];
        return problems.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}

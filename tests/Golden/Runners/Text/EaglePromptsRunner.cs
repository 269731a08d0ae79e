namespace Aperture.Golden.Tests.Text;

/// <summary>Eagle's prompts.</summary>
public sealed class EaglePromptsRunner : PromptsRunner
{
    public override string Area => "eagle";
}

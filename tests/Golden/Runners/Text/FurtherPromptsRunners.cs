namespace Aperture.Golden.Tests.Text;

/// <summary>VILA's prompts.</summary>
public sealed class VilaPromptsRunner : PromptsRunner
{
    public override string Area => "vila";
}

/// <summary>Eagle's prompts.</summary>
public sealed class EaglePromptsRunner : PromptsRunner
{
    public override string Area => "eagle";
}
